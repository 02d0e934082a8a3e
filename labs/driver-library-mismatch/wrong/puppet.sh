# Says what is wanted to hear.
cat > /usr/bin/nvidia-smi <<PUPPET
#!/bin/sh
printf '$CC_DRIVER, NVIDIA H100 PCIe\n$CC_DRIVER, NVIDIA H100 PCIe\n'
PUPPET
