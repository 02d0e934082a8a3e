# Everybody out first.
scancel --user=ada
