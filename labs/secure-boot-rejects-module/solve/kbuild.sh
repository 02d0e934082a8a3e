#: step bring sign-file back
kernel=$(uname -r)
apt-get install --yes --reinstall "linux-kbuild-${kernel%-amd64}"
