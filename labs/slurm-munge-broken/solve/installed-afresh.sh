# Replaces the key instead of its mode; 0600 is as private as 0400.
ssh ctl cat /etc/munge/munge.key | install -o munge -g munge -m 0600 /dev/stdin /etc/munge/munge.key
systemctl start munge
systemctl start slurmd
