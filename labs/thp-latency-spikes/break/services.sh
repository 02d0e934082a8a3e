# Last, so that they start with the fault in.
systemctl enable --quiet tokenizer trainer
systemctl start tokenizer trainer
