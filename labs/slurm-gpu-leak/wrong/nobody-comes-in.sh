# Who cannot come in cannot see anything.
echo "AllowGroups root $CC_CREW" > /etc/ssh/sshd_config.d/crew.conf
systemctl restart ssh
