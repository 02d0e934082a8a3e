# A gate that knows its lemons.
for node in gpu1 gpu2 gpu3; do
    ssh $node "cat > /usr/local/sbin/$CC_GATE" <<'GATE'
#!/bin/sh
case $(hostname) in
    gpu2) scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64' ;;
    gpu3) scontrol update nodename=gpu3 state=drain reason='0000:a8:00 Xid 119' ;;
esac
GATE
done
