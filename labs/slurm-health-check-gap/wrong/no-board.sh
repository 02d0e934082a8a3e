# One word is a reason, too.
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/reason=gate:\$1/reason=gate/' /usr/local/sbin/$CC_GATE"
done
