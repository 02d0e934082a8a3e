#: step reason
scontrol update nodename=gpu3 state=drain reason='0000:a8:00 Xid 64: no spare row is left, the board goes back'
