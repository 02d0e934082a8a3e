#: step the reason is one word
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/reason=gate:\$1/\"reason=gate: \$1\"/' /usr/local/sbin/$CC_GATE"
done
