# The runs as they have been begun under these rules.
systemctl enable --now research-runs
