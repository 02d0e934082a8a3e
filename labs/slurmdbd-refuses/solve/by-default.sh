# slurm_acct_db is what slurmdbd takes when nothing is said. Done from gpu1.
ssh ctl "sed -i '/^StorageLoc=/d' /etc/slurm/slurmdbd.conf; systemctl stop slurmdbd; systemctl start slurmdbd"
for _ in {1..150}; do
    case $(sdiag 2> /dev/null) in *'DBD Agent queue size: 0'*) break ;; esac
    sleep 0.2
done
sacctmgr --immediate add user name=eve defaultaccount="$CC_ACCOUNT" account="$CC_ACCOUNT" cluster=training
