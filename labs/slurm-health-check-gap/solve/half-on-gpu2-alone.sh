# Where the complaint was.
sed -i 's/\r$//' "/usr/local/sbin/$CC_GATE"
