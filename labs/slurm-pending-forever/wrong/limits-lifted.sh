# No limit, no waiting.
sacctmgr --immediate <<'TYPED'
modify qos normal set maxtresperuser=gres/gpu=-1
modify qos debug set maxtresperuser=gres/gpu=-1
modify account guests set grptres=gres/gpu=-1
TYPED
