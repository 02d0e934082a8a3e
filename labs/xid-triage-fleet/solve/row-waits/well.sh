#: step resume-gpu3
scontrol update nodename=gpu3 state=resume
