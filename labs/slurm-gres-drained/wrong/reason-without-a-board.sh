# Out, and nobody will know what to pull.
scontrol update nodename=gpu2 state=drain reason='broken GPU, see the ticket'
