# What DKMS left on this node when it built the driver last, and how the node came up this morning, when Secure Boot had
# been switched on: the module is there, and is refused. Signed anew, by whom or not at all as the cause has it; to build
# takes minutes.
kernel=$(uname -r)
keys=/var/lib/dkms
case $CC_VARIANT in
never-enrolled | another-pair)
    if [ "$CC_VARIANT" = another-pair ]; then
        # What the site has enrolled is in the backup of the old disk.
        install -d -m 0700 "/var/backups/$CC_DISK"
        cp -p $keys/mok.key $keys/mok.pub "/var/backups/$CC_DISK/"
        touch -d '-400 days' "/var/backups/$CC_DISK"/mok.*
    fi
    # As dkms makes a pair of its own where it finds none.
    openssl req -quiet -new -x509 -nodes -days 36500 -newkey rsa:2048 -subj "/CN=DKMS module signing key" \
        -addext extendedKeyUsage=codeSigning -keyout $keys/mok.key -outform DER -out $keys/mok.pub
    chmod 0600 $keys/mok.key
    chmod 0644 $keys/mok.pub
    touch -d '-30 days' $keys/mok.*
    signed=yes
    ;;
no-sign-file)
    # A clean-up of what "nobody needs to run".
    rm "$(readlink -f "/lib/modules/$kernel/build/scripts/sign-file")"
    signed=
    ;;
key-for-certificate)
    install -d /etc/dkms/framework.conf.d
    cat > /etc/dkms/framework.conf.d/signing.conf <<'CONF'
# Where the pair is with which modules are signed.
mok_signing_key="/var/lib/dkms/mok.pub"
mok_certificate="/var/lib/dkms/mok.key"
CONF
    touch -d '-30 days' /etc/dkms/framework.conf.d/signing.conf
    signed=
    ;;
esac

for module in "/lib/modules/$kernel"/updates/dkms/*.ko.xz; do
    xz --decompress --stdout "$module" > /run/module.ko
    python3 -IS - /run/module.ko <<'PYTHON'
import struct, sys
path = sys.argv[1]
body = open(path, "rb").read()
magic = b"~Module signature appended~\n"
if body.endswith(magic):
    end = len(body) - len(magic)
    (length,) = struct.unpack(">I", body[end - 4 : end])
    open(path, "wb").write(body[: end - 12 - length])
PYTHON
    [ -z "$signed" ] || "/lib/modules/$kernel/build/scripts/sign-file" sha512 $keys/mok.key $keys/mok.pub /run/module.ko
    xz --check=crc32 --lzma2=dict=1MiB --stdout /run/module.ko > "$module"
    cp "$module" $keys/nvidia/*/"$kernel"/x86_64/module/
    touch -d '-30 days' "$module"
done
rm /run/module.ko
# The kernel that signs nothing has been asked already, when it started.
modprobe -r nvidia-uvm nvidia-modeset nvidia
! modprobe nvidia
sync
