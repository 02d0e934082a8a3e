# From gpu2, and for jobs without a QOS of their own as well.
sacctmgr --immediate modify qos where name=urgent set preempt+=research,normal
