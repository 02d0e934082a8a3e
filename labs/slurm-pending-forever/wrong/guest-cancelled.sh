# Out of sight.
scancel --name="$CC_VISIT"
