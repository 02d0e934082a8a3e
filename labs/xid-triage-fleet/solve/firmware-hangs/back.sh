#: step resume-gpu2
scontrol update nodename=gpu2 state=resume
