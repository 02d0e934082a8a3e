# More time before it is cancelled.
sacctmgr --immediate modify qos research set gracetime=4
