# An Xid is an Xid.
sed -i '0,/expr: .*/s//expr: gpu_xids_total > 0/' /etc/prometheus/rules/gpu.yml
systemctl reload prometheus
