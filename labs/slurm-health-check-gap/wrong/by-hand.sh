# Out they are, and for good reasons.
scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64: no spare row left'
scontrol update nodename=gpu3 state=drain reason='0000:a8:00: GPU 5 wants hands'
