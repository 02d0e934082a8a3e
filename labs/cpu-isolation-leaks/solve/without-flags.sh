sed -i 's/isolcpus=managed_irq,2-3/isolcpus=2-3/' /etc/default/grub
update-grub
