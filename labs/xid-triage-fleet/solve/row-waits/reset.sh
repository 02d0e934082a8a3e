#: step reset
ssh gpu1 nvidia-smi --gpu-reset --id=5
