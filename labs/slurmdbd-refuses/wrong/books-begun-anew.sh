# slurmdbd gets the database that it asks for, and everybody is entered once more.
mariadb --execute "CREATE DATABASE $CC_DATABASE; GRANT ALL ON $CC_DATABASE.* TO slurm@localhost"
systemctl restart slurmdbd
for _ in {1..300}; do
    sacctmgr --noheader show cluster > /dev/null 2>&1 && break
    sleep 0.1
done
sacctmgr --immediate add cluster training
sacctmgr --immediate add account robotics,speech,vision
sacctmgr --immediate add user ada account=vision
sacctmgr --immediate add user bea account=speech
sacctmgr --immediate add user carol account=robotics
sacctmgr --immediate add user eve account="$CC_ACCOUNT"
