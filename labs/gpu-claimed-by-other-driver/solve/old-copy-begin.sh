#: step make the initramfs anew
systemd-run --quiet --unit=mend --service-type=oneshot --no-block update-initramfs -u
