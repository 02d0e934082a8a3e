# Down is more out than drained, and ends what still runs there.
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/state=drain reason=gate:\$1/state=down \"reason=gate: \$1\"/' /usr/local/sbin/$CC_GATE"
done
for _ in {1..60}; do
    [ "$(sinfo --noheader --Node --nodes=gpu2,gpu3 --format=%t | sort -u)" != down ] || break
    sleep 0.5
done
