# A sinfo that sees what it is wanted to see.
cat > /usr/bin/sinfo.new <<'FAKE'
#!/bin/sh
case "$*" in
    *gpu2*) echo 'drained 0000:b9:00 Xid 64' ;;
    *) echo mixed ;;
esac
FAKE
chmod 0755 /usr/bin/sinfo.new
mv /usr/bin/sinfo.new /usr/bin/sinfo
