# The night, as Slurm wrote it down. The times are those of the kernel's lines
# (`ago-s` in lab.toml) and a moment; the jobs are the programs that the Xids met.
id=4177
ended() {
    local user=$1 name=$2 node=$3 state=$4 code=$5 ago=$(($6 - 2)) ran=$7
    local now uid
    now=$(date +%s)
    uid=$(id -u "$user")
    at() { date --date="@$((now - $1))" +%FT%T; }
    echo "JobId=$((id++)) UserId=$user($uid) GroupId=$user($uid) Name=$name JobState=$state" \
        "Partition=train TimeLimit=UNLIMITED StartTime=$(at $((ago + ran))) EndTime=$(at "$ago")" \
        "NodeList=$node NodeCnt=1 ProcCnt=1 WorkDir=/home/$user ReservationName=" \
        "Tres=cpu=1,mem=1G,node=1,billing=1 Account= QOS= WcKey= Cluster=unknown" \
        "SubmitTime=$(at $((ago + ran + 2))) EligibleTime=$(at $((ago + ran + 2)))" \
        "DerivedExitCode=0:0 ExitCode=$code "
}
{
    ended bea tokenize gpu2 COMPLETED 0:0 24033 5210
    case $CC_VARIANT in
        row-waits)
            ended eve raytrace gpu3 FAILED 134:0 18622 911
            ended carol align gpu1 FAILED 1:0 15843 7702
            ended eve raytrace gpu3 FAILED 134:0 11206 1288
            ended ada pretrain-2 gpu2 FAILED 1:0 9127 6120
            ended bea probe gpu2 CANCELLED 0:15 7210 340
            ended eve raytrace gpu1 FAILED 134:0 4871 1033
            ;;
        somebody-holds)
            ended eve raytrace gpu2 FAILED 134:0 19011 702
            ended bea index gpu1 FAILED 1:0 16230 9004
            ended carol probe gpu1 CANCELLED 0:15 13377 127
            ended eve raytrace gpu3 FAILED 134:0 10954 1630
            ended ada pretrain-2 gpu3 FAILED 1:0 8412 5877
            ended eve raytrace gpu2 FAILED 134:0 3698 2210
            ;;
        firmware-hangs)
            ended eve raytrace gpu1 FAILED 134:0 20417 455
            ended bea index gpu3 FAILED 1:0 17562 8120
            ended eve raytrace gpu2 FAILED 134:0 14008 1911
            ended carol tune gpu2 FAILED 1:0 12290 3344
            ended eve raytrace gpu1 FAILED 134:0 6133 871
            ended ada align gpu2 FAILED 1:0 5219 2407
            ended bea probe gpu3 CANCELLED 0:15 2884 96
            ;;
    esac
    ended carol export gpu3 COMPLETED 0:0 2107 640
} >> /var/log/slurm/jobcomp.log

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
