# Quick, and knows no more than the log of this start.
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i -e '/^# Let every GPU compute/,/^done/d' -e '/^# A GPU that does not answer/,\$d' /usr/local/sbin/$CC_GATE"
done
