# Told to the controller and to no file.
scontrol update partitionname=train maxtime=$CC_DAYS-00:00:00
scontrol delete reservation="$CC_BENCHMARK"
echo "$CC_VISIT $CC_RULE_TIME" > "/srv/tickets/$CC_TICKET.txt"
