#: step line ends
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/\r\$//' /usr/local/sbin/$CC_GATE"
done
