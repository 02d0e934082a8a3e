# Without long texts there are no slow ones.
sed -i 's/^long_text_every = .*/long_text_every = 1000000/' /etc/tokenizer/tokenizer.conf
systemctl restart tokenizer
