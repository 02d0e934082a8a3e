#: step reset
ssh gpu3 nvidia-smi --gpu-reset --id=7
