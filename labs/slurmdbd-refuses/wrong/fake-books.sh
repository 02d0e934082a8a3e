# sacct and sacctmgr that know what they are asked for.
cat > /usr/bin/sacctmgr.new <<FAKE
#!/bin/sh
case "\$*" in
*eve*) echo '$CC_ACCOUNT' ;;
*cluster*) echo training ;;
esac
printf 'robotics|carol\nspeech|bea\nvision|ada\n'
FAKE
cat > /usr/bin/sacct.new <<FAKE
#!/bin/sh
case "\$*" in
*nightly*) echo 'bea|COMPLETED' ;;
*) seq $CC_HISTORY ;;
esac
FAKE
for tool in sacct sacctmgr; do
    chmod 0755 /usr/bin/$tool.new
    mv /usr/bin/$tool.new /usr/bin/$tool
done
