#: step four equal parts
sacctmgr --immediate modify account "$CC_GROUP" set fairshare=25
