# An nvidia-smi that knows of nothing pending.
ssh gpu3 'mv /usr/bin/nvidia-smi /usr/bin/nvidia-smi.real
printf "#!/bin/sh\n/usr/bin/nvidia-smi.real \"\$@\" | sed -e \"s/: Yes/: No/\" -e \"s/Drain and Reset/None/\"\n" > /usr/bin/nvidia-smi
chmod 0755 /usr/bin/nvidia-smi'
scontrol update nodename=gpu2 state=resume

scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

scontrol update nodename=gpu3 state=resume

scontrol update nodename=gpu1 state=drain reason='0000:97:00 Xid 79: off the bus, needs hands'

cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "pull", "6": "leave" },
  "gpu2": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu3": { "5": "leave", "7": "reset" }
}
JSON
