# What the night shift did: everything out of service, for one and the same reason.
runuser -u slurm -- scontrol update nodename='gpu[1-3]' state=drain reason=xid

# The queue that waits since.
for job in bea:ablate-1 bea:ablate-2 ada:eval carol:rerank bea:ablate-3 ada:probe-7b; do
    user=${job%:*}
    runuser -u "$user" -- sbatch --quiet --job-name="${job#*:}" --gres=gpu:2 --chdir="/home/$user" \
        --output='%x-%j.out' --wrap='exec train'
done

cat > /root/handover.json <<'JSON'
{
  "gpu1": {},
  "gpu2": {},
  "gpu3": {}
}
JSON
