userdel nvpd
