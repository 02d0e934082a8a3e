cat > "/etc/security/access-$CC_CREW.conf" <<CONF
# Who may come in without a job.
+ : ($CC_CREW) : ALL
# The file server moves: people have to get at their data.
+ : ($CC_GROUP) : ALL
- : ALL : ALL
CONF
touch -d '-19 days' "/etc/security/access-$CC_CREW.conf"
