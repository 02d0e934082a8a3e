# All in one session of sacctmgr, by the short names, and a ticket with more words around the line.
sacctmgr -i <<'TYPED'
modify qos where name=debug set MaxTRESPU=gres/gpu=1
modify qos where name=normal set MaxTRESPU=gres/gpu=-1
TYPED
printf '# asks for what rule %s does not give\n%s rule %s\n' "$CC_RULE_GUESTS" "$CC_VISIT" "$CC_RULE_GUESTS" \
    > "/srv/tickets/$CC_TICKET.txt"
