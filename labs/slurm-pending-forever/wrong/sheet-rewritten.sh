# The sheet says what the cluster does.
sed -i 's/^26 .*/26  normal is for one GPU at a time for each user./' /srv/policy.txt
echo "$CC_VISIT $CC_RULE_GUESTS" > "/srv/tickets/$CC_TICKET.txt"
