# The queue is full, and Slurm complains about nothing.
scontrol update nodename='gpu[1-3]' state=resume
