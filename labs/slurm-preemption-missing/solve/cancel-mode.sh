#: step put back instead of cancelled
sacctmgr --immediate modify qos research set preemptmode=requeue
