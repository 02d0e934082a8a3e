#: step key for key, certificate for certificate
cat > /etc/dkms/framework.conf.d/signing.conf <<'CONF'
# Where the pair is with which modules are signed.
mok_signing_key="/var/lib/dkms/mok.key"
mok_certificate="/var/lib/dkms/mok.pub"
CONF
