sed -i 's/isolcpus=managed_irq,2-3/isolcpus=domain,managed_irq,1-3/' /etc/default/grub
update-grub
