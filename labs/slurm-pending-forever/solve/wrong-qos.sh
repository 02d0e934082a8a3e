#: step normal without a limit
sacctmgr --immediate modify qos normal set maxtresperuser=gres/gpu=-1
#: step debug with its own
sacctmgr --immediate modify qos debug set maxtresperuser=gres/gpu=1
#: step the owner hears of it
echo "$CC_VISIT $CC_RULE_GUESTS" > "/srv/tickets/$CC_TICKET.txt"
