# A cluster that keeps books: who may use it, and what ran on it for weeks.
uid=2001
for user in bea carol eve; do
    useradd --create-home --shell /bin/bash --uid $((uid++)) $user
done
sed -i 's/gpu\[1-2\]/gpu1/' /etc/slurm/slurm.conf
cat >> /etc/slurm/slurm.conf <<SLURM

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=ctl
AccountingStorageEnforce=associations
FirstJobId=$((20001 + CC_HISTORY))
SLURM

CLUSTER=ctl,gpu1
if [ "$CC_NODE" != ctl ]; then
    . /usr/local/share/cluster/join.sh
    exit
fi
. /usr/local/share/cluster/accounting.sh

# Another password than the installer's, one that the rubric can try.
mariadb --execute "ALTER USER slurm@localhost IDENTIFIED BY 'books-$CC_SEED_WORD'"
sed -i "s/^StoragePass=.*/StoragePass=books-$CC_SEED_WORD/" /etc/slurm/slurmdbd.conf
. /usr/local/share/cluster/join.sh

# The three groups and who works for them.
cat > /tmp/books.cfg <<'BOOKS'
Cluster - 'training'
Parent - 'root'
Account - 'robotics':Description='robotics':Organization='research'
Account - 'speech':Description='speech':Organization='research'
Account - 'vision':Description='vision':Organization='research'
Parent - 'robotics'
User - 'carol':DefaultAccount='robotics'
Parent - 'speech'
User - 'bea':DefaultAccount='speech'
Parent - 'vision'
User - 'ada':DefaultAccount='vision'
BOOKS
for _ in {1..200}; do
    sacctmgr --noheader show cluster > /dev/null 2>&1 && break
    sleep 0.05
done
sacctmgr --immediate load file=/tmp/books.cfg > /dev/null
rm /tmp/books.cfg

# What they ran in six weeks, up to three days ago.
mariadb slurm_acct_db <<SQL
INSERT INTO training_job_table
    (mod_time, account, cpus_req, job_name, id_assoc, id_job, id_qos, id_resv, id_wckey, id_user, id_group,
    het_job_id, het_job_offset, state_reason_prev, mem_req, nodelist, nodes_alloc, node_inx, \`partition\`, priority,
    state, exit_code, flags, timelimit, time_submit, time_eligible, time_start, time_end, work_dir, submit_line,
    tres_alloc, tres_req)
SELECT began + ran, acct, cpus, name, id_assoc, 20000 + n, 1, 0, 0, uid, uid, 0, 4294967294, 0, 1024, 'gpu1', 1, '0',
    'train', 1, IF(n % 17 = 0, 5, 3), IF(n % 17 = 0, 256, 0), 18, 2880, began - 60, began - 60, began, began + ran,
    CONCAT('/home/', user), CONCAT('sbatch ', name, '.sh'),
    CONCAT('1=', cpus, ',4=1,5=', cpus), CONCAT('1=', cpus, ',2=1024,4=1,5=', cpus)
FROM (SELECT seq n, UNIX_TIMESTAMP() - 86400 * 44 + seq * (86400 * 41 DIV $CC_HISTORY) began, 600 + seq * 7919 % 16000 ran, 1 + seq * 7 % 8 cpus,
    ELT(1 + seq * 5 % 3, 'pretrain', 'sweep', 'evaluate') name, ELT(1 + seq % 3, 'ada', 'bea', 'carol') who,
    ELT(1 + seq % 3, 1000, 2001, 2002) uid FROM seq_1_to_$CC_HISTORY) runs
JOIN training_assoc_table ON user = who AND deleted = 0;
SQL

# The controller must have heard who may use it.
for _ in {1..200}; do
    case $(scontrol show assoc_mgr users=ada flags=assoc 2>&1) in *UserName=ada*) break ;; esac
    sleep 0.05
done

# It has nothing to do with all this.
pretrain gpu1 --cpus-per-task=4 "/bin/bash -c 'exec -a pretrain sleep 864000'"
