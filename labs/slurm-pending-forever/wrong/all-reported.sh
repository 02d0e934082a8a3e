# Whoever waits is told to wait less.
{
    echo "$CC_SWEEP $CC_RULE_DEBUG"
    echo "$CC_TUNING $CC_RULE_TIME"
    echo "$CC_VISIT $CC_RULE_GUESTS"
} > "/srv/tickets/$CC_TICKET.txt"
