# Right, and the guest waits on and does not know why.
sacctmgr --immediate modify account research set parent=root
