#: step whom urgent may displace
sacctmgr --immediate modify qos urgent set preempt=research
