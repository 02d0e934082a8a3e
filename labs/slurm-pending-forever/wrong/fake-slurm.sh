# squeue that sees jobs run, sacctmgr and scontrol that know the sheet.
cat > /usr/bin/squeue.new <<FAKE
#!/bin/sh
case "\$*" in
*$CC_SWEEP*) echo 'RUNNING gres/gpu:8 gpu2' ;;
*) echo 'RUNNING gres/gpu:$CC_GPUS gpu1' ;;
esac
FAKE
cat > /usr/bin/sacctmgr.new <<'FAKE'
#!/bin/sh
printf 'normal|||||||||1.000000\ndebug|||||gres/gpu=1||||1.000000\n'
FAKE
cat > /usr/bin/scontrol.new <<'FAKE'
#!/bin/sh
echo 'ReservationName=quarterly '
FAKE
for tool in squeue sacctmgr scontrol; do
    chmod 0755 /usr/bin/$tool.new
    mv /usr/bin/$tool.new /usr/bin/$tool
done
