# Tells the controller that all is well.
scontrol update nodename=gpu1 state=resume || true
