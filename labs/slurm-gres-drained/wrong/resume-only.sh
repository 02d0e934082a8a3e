# Tells the controller that all is well.
scontrol update nodename=gpu2 state=resume || true
