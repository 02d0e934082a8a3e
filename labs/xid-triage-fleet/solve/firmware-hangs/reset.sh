#: step reset
ssh gpu2 nvidia-smi --gpu-reset --id=4,5
