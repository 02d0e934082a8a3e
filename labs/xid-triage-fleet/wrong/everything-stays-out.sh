# Better safe than sorry: whatever had an Xid stays out, with a careful reason.
scontrol update nodename=gpu1 state=drain reason='0000:a8:00 Xid 63'
scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64'
scontrol update nodename=gpu3 state=drain reason='0000:b9:00 Xid 31'
