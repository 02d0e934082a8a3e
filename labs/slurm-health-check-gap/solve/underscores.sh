# Words that need no quotes.
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/reason=gate:\$1/reason=gate:\${1\/\/ \/_}/' /usr/local/sbin/$CC_GATE"
done
