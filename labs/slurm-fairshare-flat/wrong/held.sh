# Nobody can be served first who is not served.
scontrol hold $(squeue --noheader --states=pending --user=ada --format=%i)
