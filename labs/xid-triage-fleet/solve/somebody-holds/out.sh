#: step reason
scontrol update nodename=gpu1 state=drain reason='0000:97:00 Xid 79: off the bus, needs hands'
