# Four groups with equal shares, what they have used of the last six weeks, and a cluster that is full.
uid=2001
for user in bea carol eve; do
    useradd --create-home --shell /bin/bash --uid $((uid++)) $user
done
sed -i '/^NodeName=/,$d' /etc/slurm/slurm.conf
cat >> /etc/slurm/slurm.conf <<SLURM
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=ctl
AccountingStorageEnforce=associations,limits,qos

# Who goes first, as the four groups agreed.
PriorityType=priority/multifactor
PriorityWeightFairshare=100000
PriorityWeightAge=1000
PriorityMaxAge=7-0
PriorityDecayHalfLife=14-0
PriorityCalcPeriod=1
FirstJobId=$CC_JOB

NodeName=gpu1 CPUs=64 RealMemory=1024
PartitionName=train Nodes=gpu1 Default=YES MaxTime=INFINITE OverSubscribe=NO
SLURM

CLUSTER=ctl,gpu1
if [ "$CC_NODE" != ctl ]; then
    . /usr/local/share/cluster/join.sh
    exit
fi
# A controller that starts without its books takes them from memory, and ranks nobody for a minute when they come: so
# slurmdbd counts as started once it listens.
cat > /etc/systemd/system/slurmdbd.service.d/listens.conf <<'UNIT'
[Service]
ExecStartPost=-/usr/bin/timeout 30 /bin/bash -c 'until (: < /dev/tcp/ctl/6819) 2>/dev/null; do sleep 0.1; done'
UNIT
systemctl daemon-reload
. /usr/local/share/cluster/accounting.sh

# The books are written before the controller opens them for the first time, and slurmdbd believes nobody without a
# key; the cluster's own comes with join.sh.
setpriv --reuid munge --regid munge --clear-groups mungekey --create
systemctl start munge slurmdbd
cat > /tmp/books.cfg <<BOOKS
Cluster - 'training'
Parent - 'root'
Account - '$CC_GROUP':Description='$CC_GROUP':Organization='research':Fairshare=25
Account - 'robotics':Description='robotics':Organization='research':Fairshare=25
Account - 'speech':Description='speech':Organization='research':Fairshare=25
Account - 'vision':Description='vision':Organization='research':Fairshare=25
Parent - '$CC_GROUP'
User - 'ada':DefaultAccount='$CC_GROUP'
Parent - 'robotics'
User - 'eve':DefaultAccount='robotics'
Parent - 'speech'
User - 'carol':DefaultAccount='speech'
Parent - 'vision'
User - 'bea':DefaultAccount='vision'
BOOKS
sacctmgr --immediate load file=/tmp/books.cfg > /dev/null
rm /tmp/books.cfg

# What each of them used, day by day, in processor seconds: ada's group nine tenths, the others little, and each another
# little. With a half-life of two weeks seventeen days' worth is what the controller has in mind.
IFS=, read -r least less little <<< "$CC_ORDER"
mariadb --skip-column-names slurm_acct_db > /tmp/usage <<SQL
CREATE TEMPORARY TABLE used AS SELECT id_assoc, CASE user WHEN 'ada' THEN $CC_USED WHEN '$little' THEN $CC_USED DIV 16
    WHEN '$less' THEN $CC_USED DIV 33 WHEN '$least' THEN $CC_USED DIV 100 END used
    FROM training_assoc_table WHERE user IN ('ada', 'bea', 'carol', 'eve') AND deleted = 0;
INSERT INTO training_assoc_usage_day_table (creation_time, mod_time, id, id_tres, time_start, alloc_secs)
    SELECT at + 86400, at + 86400, id_assoc, tres, at, used * 10 DIV 172
    FROM used JOIN (SELECT 1 tres UNION SELECT 5) tres
    JOIN (SELECT UNIX_TIMESTAMP(CURDATE() - INTERVAL seq DAY) at FROM seq_1_to_42) days;
INSERT INTO training_usage_day_table (creation_time, mod_time, id_tres, time_start, count, alloc_secs, idle_secs)
    SELECT MIN(creation_time), MIN(creation_time), id_tres, time_start, 64, SUM(alloc_secs), 64 * 86400 - SUM(alloc_secs)
    FROM training_assoc_usage_day_table GROUP BY id_tres, time_start;
SELECT id_assoc, used FROM used ORDER BY id_assoc;
SQL

# The same as the controller leaves it when it ends: version and time, then association, usage as a text, two things unused.
number() { printf "$(printf "%0$((2 * $1))x" "$2" | sed 's/../\\x&/g')"; }
state=/var/lib/slurm/slurmctld
install -d -o slurm -g slurm $state
{
    number 2 10752
    number 8 "$(date +%s)"
    while read -r association used; do
        number 4 "$association"
        number 4 $((${#used} + 8))
        printf '%s.000000\0' "$used"
        number 4 0
        number 4 0
    done < /tmp/usage
} > $state/assoc_usage
{ number 8 "$(date +%s)"; number 8 "$(date +%s)"; } > $state/priority_last_decay_ran
chown slurm:slurm $state/*
rm /tmp/usage

systemctl stop munge
. /usr/local/share/cluster/join.sh

# The whole of gpu1, for weeks.
pretrain gpu1 --exclusive "/bin/bash -c 'exec -a pretrain sleep 864000'"
