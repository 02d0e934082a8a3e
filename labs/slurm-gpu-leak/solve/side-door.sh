#: step the crew alone
sed -i "/file server moves/d; /($CC_GROUP)/d" "/etc/security/access-$CC_CREW.conf"
