chown root:root "/etc/$CC_WORD/key"
chmod 0400 "/etc/$CC_WORD/key"
