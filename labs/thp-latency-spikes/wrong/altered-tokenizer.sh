# Arenas side by side: no longer the release's tokenizer.
sed -i 's/^ARENAS = 48/ARENAS = 1/' /opt/tokenizer/bin/tokenizerd
systemctl restart tokenizer
