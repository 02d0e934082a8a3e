# Only now, with the fault in: a trainer that was up before would have to be started twice.
systemctl enable --now trainer
