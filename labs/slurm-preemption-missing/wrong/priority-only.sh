# First in the queue, and in the queue it stays.
sacctmgr --immediate modify qos urgent set priority=100000
