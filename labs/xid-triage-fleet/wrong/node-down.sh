# Down is more out than drained, and ends what still runs there.
scontrol update nodename=gpu2 state=down reason='0000:b9:00 Xid 64: no spare row is left'
