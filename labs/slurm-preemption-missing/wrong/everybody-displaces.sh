# The more the better: whoever is first in the queue goes before his own kind, too.
sacctmgr --immediate <<'TYPED'
modify qos urgent set preempt=research preemptmode=requeue,within
modify qos research set preemptmode=requeue,within
TYPED
