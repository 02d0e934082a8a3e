# All is done, and nobody is told why: the reason stays `xid`.
scontrol update nodename=gpu2 state=resume

scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

# A burn-in that nobody waits for.
ssh gpu3 'kill $(nvidia-smi --id=7 --query-compute-apps=pid --format=csv,noheader); sleep 1'
ssh gpu3 nvidia-smi --gpu-reset --id=7

scontrol update nodename=gpu3 state=resume
