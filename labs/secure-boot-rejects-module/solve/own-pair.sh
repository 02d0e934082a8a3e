# A pair with a name that says whose it is, DKMS told of it, what is there signed by it, and that one enrolled.
kernel=$(uname -r)
install -d -m 0700 /etc/dkms/keys
openssl req -quiet -new -x509 -nodes -days 36500 -newkey rsa:2048 -subj "/CN=Modules of gpu1" \
    -addext extendedKeyUsage=codeSigning -keyout /etc/dkms/keys/gpu1.key -outform DER -out /etc/dkms/keys/gpu1.der
chmod 0600 /etc/dkms/keys/gpu1.key
install -d /etc/dkms/framework.conf.d
cat > /etc/dkms/framework.conf.d/keys.conf <<'CONF'
mok_signing_key="/etc/dkms/keys/gpu1.key"
mok_certificate="/etc/dkms/keys/gpu1.der"
CONF
for module in "/lib/modules/$kernel"/updates/dkms/*.ko.xz; do
    xz --decompress --stdout "$module" > /run/module.ko
    "/lib/modules/$kernel/build/scripts/sign-file" sha512 /etc/dkms/keys/gpu1.key /etc/dkms/keys/gpu1.der /run/module.ko
    xz --check=crc32 --lzma2=dict=1MiB --stdout /run/module.ko > "$module"
done
mokutil --generate-hash=mended > /run/hash
mokutil --hash-file /run/hash --import /etc/dkms/keys/gpu1.der
rm /run/hash /run/module.ko
sync
systemd-run --quiet --on-active=2 systemctl reboot
