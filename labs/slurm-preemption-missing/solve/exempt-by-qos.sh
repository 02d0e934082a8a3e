# Where research is concerned, and the line may stand for whoever is added some day.
sacctmgr --immediate modify qos research set preemptexempttime=0
