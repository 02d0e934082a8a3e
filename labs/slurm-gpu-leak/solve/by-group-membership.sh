# Asks for the group itself.
sed -i "s/^account .*pam_access\.so .*/account    sufficient   pam_succeed_if.so quiet user ingroup $CC_CREW/" /etc/pam.d/sshd
