# Down is not out: this cluster takes a node that is down back as soon as it registers.
scontrol update nodename=gpu2 state=down reason='GPU 2 lost, Xid 79'
