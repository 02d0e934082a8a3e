# Another tree that comes to the same: taken out from below the guests with what hangs on it.
sacctmgr -i modify account where name=research cluster=training set parent=root
printf '%s\t%s\n\n' "$CC_VISIT" "$CC_RULE_GUESTS" > "/srv/tickets/$CC_TICKET.txt"
