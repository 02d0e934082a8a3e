# slurmd stopped as well, so that it says nothing to the contrary; the device by its file.
systemctl disable --now slurmd
scontrol update nodename=gpu2 state=drain reason='/dev/nvidia3 lost, Xid 79, ticket to DC'
