# A slurmdbd that still tries does so every five seconds, and slurmctld then some: it is connected again when nothing
# waits in its queue.
for _ in {1..150}; do
    case $(sdiag 2> /dev/null) in *'DBD Agent queue size: 0'*) break ;; esac
    sleep 0.2
done
#: step eve
sacctmgr --immediate add user eve account="$CC_ACCOUNT"
# slurmctld is told at once; one that missed it reads everything anew.
for _ in {1..25}; do
    [[ $(scontrol show assoc_mgr users=eve flags=assoc 2>&1) != *UserName=eve* ]] || break
    sleep 0.2
done
[[ $(scontrol show assoc_mgr users=eve flags=assoc 2>&1) = *UserName=eve* ]] || scontrol reconfigure
