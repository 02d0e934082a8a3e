#: step owner and mode
chown ada:ada "/etc/$CC_WORD/key"
chmod 0400 "/etc/$CC_WORD/key"
#: step remove the copy
rm -f /var/tmp/key.bak
