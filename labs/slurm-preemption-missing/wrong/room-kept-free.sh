# There is always room for urgent work where nobody else may be.
sacctmgr --immediate modify qos research set grptres=gres/gpu=6
