#: step resume-gpu1
scontrol update nodename=gpu1 state=resume
