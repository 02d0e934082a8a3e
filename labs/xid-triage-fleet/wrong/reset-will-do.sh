# Xid 154 says "Drain and Reset", so a reset it gets, and work again.
ssh gpu2 nvidia-smi --gpu-reset --id=6
scontrol update nodename=gpu2 state=resume
