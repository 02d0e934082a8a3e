# The one who granted it meant three weeks.
sacctmgr --immediate --quiet add qos deadline priority=100 description="change $CC_CHANGE"
sacctmgr --immediate --quiet modify user ada set qos=normal,deadline defaultqos=deadline
