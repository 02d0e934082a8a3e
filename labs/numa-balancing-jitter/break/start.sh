# Only now, with the fault in.
systemctl daemon-reload
systemctl enable --now trainer.service
