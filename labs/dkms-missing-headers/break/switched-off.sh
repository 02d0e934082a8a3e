# Whoever builds an image in a chroot does not want modules for the build machine's kernel.
echo "# image build: no modules here, the node makes its own ($CC_CHANGE)" > /etc/dkms/no-autoinstall
touch -d '-131 days' /etc/dkms/no-autoinstall
