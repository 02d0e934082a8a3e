# One part each is as equal as twenty-five each.
sacctmgr --immediate modify account "$CC_GROUP",robotics,speech,vision set fairshare=1
