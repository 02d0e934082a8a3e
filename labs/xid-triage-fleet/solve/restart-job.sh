#: step restart-job
scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"
