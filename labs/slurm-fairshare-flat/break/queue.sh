# What waits: ada's group came first, with most. The jobs are short, once they are let in.
for _ in {1..200}; do
    [ "$(squeue --noheader --states=running --name=pretrain 2>/dev/null)" ] && break
    sleep 0.05
done
IFS=, read -r least less little <<< "$CC_ORDER"
for user in ada ada ada ada $little $less $least ada; do
    runuser -u $user -- sbatch --quiet --job-name=sweep --ntasks=16 --chdir=/tmp --output=/dev/null --wrap='exec sleep 1'
done
