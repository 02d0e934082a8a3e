# Out, and nobody will know what to pull.
scontrol update nodename=gpu2 state=drain reason='gpu2 has a broken GPU (Xid 79), see the ticket'
