# Shares of the memory, but small ones.
sed -i -e 's/^vm.dirty_background_ratio = .*/vm.dirty_background_ratio = 2/' \
    -e 's/^vm.dirty_ratio = .*/vm.dirty_ratio = 8/' /etc/sysctl.d/70-checkpoints.conf
sysctl --system
