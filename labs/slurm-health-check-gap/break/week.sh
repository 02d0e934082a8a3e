# The last days, as Slurm wrote them down: what ran on the board that broke
# first, on the one that broke this morning, and eve's program, which fails on
# any. The seconds are also in lab.toml (`ago-s`).
id=$((CC_FIRST_JOB - CC_FAILURES - 23))
now=$(date +%s)
ended() {
    local user=$1 name=$2 node=$3 state=$4 code=$5 ago=$6 ran=$7
    local uid
    uid=$(id -u "$user")
    at() { date --date="@$((now - $1))" +%FT%T; }
    echo "$((ago + ran)) $ago UserId=$user($uid) GroupId=$user($uid) Name=$name JobState=$state" \
        "Partition=train TimeLimit=UNLIMITED StartTime=$(at $((ago + ran))) EndTime=$(at "$ago")" \
        "NodeList=$node NodeCnt=1 ProcCnt=1 WorkDir=/home/$user ReservationName=" \
        "Tres=cpu=1,mem=1G,node=1,billing=1 Account= QOS= WcKey= Cluster=unknown" \
        "SubmitTime=$(at $((ago + ran + 2))) EligibleTime=$(at $((ago + ran + 2)))" \
        "DerivedExitCode=0:0 ExitCode=$code "
}
{
    ended bea tokenize gpu3 COMPLETED 0:0 268004 5210
    ended carol align gpu2 FAILED 1:0 262871 40117
    step=$((240000 / CC_FAILURES))
    for ((n = 1; n < CC_FAILURES; n++)); do
        users=(ada bea carol)
        names=(eval rerank align index probe ablate)
        ended "${users[n * 7 % 3]}" "${names[n * 5 % 6]}-$n" gpu2 FAILED 1:0 $((262871 - n * step)) $((31 + n * 37 % 23))
        case $n in
            2) ended eve raytrace gpu1 FAILED 134:0 211873 911 ;;
            4) ended ada export gpu3 COMPLETED 0:0 170211 3340 ;;
            5) ended eve raytrace gpu1 FAILED 134:0 143902 1288 ;;
            7) ended eve raytrace gpu3 FAILED 134:0 97340 1033 ;;
            9) ended carol tokenize gpu1 COMPLETED 0:0 50008 8804 ;;
        esac
    done
    ended eve raytrace gpu1 FAILED 134:0 9618 702
    ended bea index gpu3 FAILED 1:0 7127 5120
    ended carol rerank gpu3 FAILED 1:0 4190 44
} | sort --numeric-sort --reverse | while read -r _ ago rest; do
    echo "$ago JobId=$((id++)) $rest "
done | sort --numeric-sort --reverse | cut --delimiter=' ' --fields=2- >> /var/log/slurm/jobcomp.log
