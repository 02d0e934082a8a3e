# Cleans up, but the next killed generation leaves its batches again.
trainer-sweep --all
systemctl restart trainer
