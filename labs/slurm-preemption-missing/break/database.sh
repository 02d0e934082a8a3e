# One field of one QOS.
case $CC_VARIANT in
empty-list) sacctmgr --immediate modify qos urgent set preempt= > /dev/null ;;
cancel-mode) sacctmgr --immediate modify qos research set preemptmode=cancel > /dev/null ;;
esac
