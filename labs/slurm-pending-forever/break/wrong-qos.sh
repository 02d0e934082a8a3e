# The limit of debug, typed on the other one.
sacctmgr --immediate > /dev/null <<'TYPED'
modify qos debug set maxtresperuser=gres/gpu=-1
modify qos normal set maxtresperuser=gres/gpu=1
TYPED
