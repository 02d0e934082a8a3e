# Room for all below the guests.
sacctmgr --immediate modify account guests set grptres=gres/gpu=64
