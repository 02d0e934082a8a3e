install -o ada -g ada -m 0600 "/etc/$CC_WORD/key" "/etc/$CC_WORD/key.new"
mv "/etc/$CC_WORD/key.new" "/etc/$CC_WORD/key"
shred -u /var/tmp/key.bak
