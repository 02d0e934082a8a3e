# A loop that does what the gate should, for as long as nobody switches the node off.
sed '/^# Let every GPU compute/,/^done/d' "/usr/local/sbin/$CC_GATE" > /root/gate
chmod 0755 /root/gate
setsid nohup sh -c 'while sleep 3; do timeout 10 /root/gate; done' > /dev/null 2>&1 < /dev/null &
