install -d -m 0755 "/etc/$CC_WORD"
printf '%s\n' "key-$CC_SEED_WORD" > "/etc/$CC_WORD/key"
chmod 0644 "/etc/$CC_WORD/key"
cp "/etc/$CC_WORD/key" "/var/tmp/key.bak"
