# Room for everybody.
scancel --user=ada
