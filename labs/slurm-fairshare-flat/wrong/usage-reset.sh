# Everybody begins anew, from nought.
sacctmgr --immediate modify account "$CC_GROUP",robotics,speech,vision set rawusage=0
