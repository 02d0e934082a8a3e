#: step out, for a reason
scontrol update nodename=gpu2 state=drain reason='GPU 3 at 9d:00.0 has fallen off the bus (Xid 79), power cycle, then RMA'
