# Once more what the notes say.
systemctl stop gpu-canary
nvidia-smi -i 0,1 -mig 1
nvidia-smi mig -i 0,1 -cgi 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb -C
systemctl start gpu-canary notebook-pool
