# First of all a clean table.
scancel --user=ada
sleep 1
