# ada's exception is over, and the weight waits for the next one.
sacctmgr --immediate modify user ada set defaultqos=normal qos=normal
