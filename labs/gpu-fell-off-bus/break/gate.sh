# slurmd asks the gate every 20 seconds. It is asked now, as soon as the kernel has said what happened, so that nobody
# waits for it.
for _ in {1..100}; do
    ! dmesg | grep -q ' 154, GPU recovery action' || break
    sleep 0.1
done
"/usr/local/sbin/$CC_GATE"
for _ in {1..100}; do
    state=$(sinfo --noheader --Node --nodes=gpu2 --format='%T %E')
    case $state in drain*'gate: '*' Xid 79') exit 0 ;; esac
    sleep 0.1
done
echo "the gate has not drained gpu2: $state; $(dmesg | grep Xid)" >&2
exit 1
