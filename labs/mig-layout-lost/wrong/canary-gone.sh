# Without the canary the layout works, and the dashboards do not.
systemctl disable --now gpu-canary
systemctl restart mig-layout
systemctl start notebook-pool
