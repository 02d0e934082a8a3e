# No mode of its own: the cluster's.
sacctmgr --immediate modify qos research set preemptmode=cluster
