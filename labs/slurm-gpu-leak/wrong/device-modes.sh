# Each device file belongs to whoever has the job.
cat > /etc/slurm/prolog <<'SH'
#!/bin/bash
for gpu in ${SLURM_JOB_GPUS//,/ }; do
    chown "$SLURM_JOB_USER" /dev/nvidia$gpu
done
SH
chmod 0755 /etc/slurm/prolog
chmod 0600 /dev/nvidia[0-3]
echo 'Prolog=/etc/slurm/prolog' >> /etc/slurm/slurm.conf
systemctl restart slurmctld slurmd
