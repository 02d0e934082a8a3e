#: step reason
scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64: no spare row is left, the board goes back'
