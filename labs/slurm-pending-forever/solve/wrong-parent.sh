#: step back below root
sacctmgr --immediate modify account research set parent=root
#: step the owner hears of it
echo "$CC_VISIT $CC_RULE_GUESTS" > "/srv/tickets/$CC_TICKET.txt"
