# The accounts of the owners, hung below the guests'.
sacctmgr --immediate modify account research set parent=guests > /dev/null
