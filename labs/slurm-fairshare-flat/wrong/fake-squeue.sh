# A squeue in which everybody stands where he wants to.
cat > /usr/bin/squeue.new <<FAKE
#!/bin/sh
printf '4 ${CC_ORDER%%,*}\n3 $(echo "$CC_ORDER" | cut -d, -f2)\n2 ${CC_ORDER##*,}\n1 ada\n'
FAKE
chmod 0755 /usr/bin/squeue.new
mv /usr/bin/squeue.new /usr/bin/squeue
