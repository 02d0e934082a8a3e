# As if one group had paid for nearly all of it.
sacctmgr --immediate --quiet modify account "$CC_GROUP" set fairshare=$((25 * 400))
