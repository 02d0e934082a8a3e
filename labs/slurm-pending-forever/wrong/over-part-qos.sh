# The job's own QOS shall count for more than the partition's.
sacctmgr --immediate modify qos normal set flags=OverPartQOS maxtresperuser=gres/gpu=16
echo "$CC_VISIT $CC_RULE_DEBUG" > "/srv/tickets/$CC_TICKET.txt"
