#: step say what they are isolated from
sed -i 's/isolcpus=managed_irq,2-3/isolcpus=domain,managed_irq,2-3/' /etc/default/grub
#: step write it into the menu
update-grub
