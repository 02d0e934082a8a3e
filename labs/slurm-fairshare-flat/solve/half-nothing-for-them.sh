# The group that had most gets nothing now.
sacctmgr --immediate modify account "$CC_GROUP" set fairshare=1
