# Rules of one's own, with other names and labels, and a route that goes by the alerts' names.
sed -i 's/(go|process|promhttp|gpu)_/(go|process|promhttp)_/' /etc/prometheus/prometheus.yml
cat > /etc/prometheus/rules/gpu.yml <<'CONF'
groups:
  - name: boards
    rules:
      - alert: Board
        expr: (max by (instance, pci) (gpu_xids_total{xid!~"13|31|43|45"}) >= 1) or (gpu_answers == 0)
        labels: { team: hardware, severity: critical }
      - alert: Program
        expr: sum by (instance, pci, xid) (gpu_xids_total{xid=~"13|31|43|45"}) >= 1
        labels: { team: users, severity: note }
      - alert: Silent
        expr: absent_over_time(up{instance="gpu1"}[10s]) or absent_over_time(up{instance="gpu2"}[10s]) or min_over_time(up[6s]) == 0
        labels: { team: hardware, severity: critical }
CONF
sed -i "s/matchers: .*/matchers: ['team=\"hardware\"']/" /etc/prometheus/alertmanager.yml
promtool check rules /etc/prometheus/rules/gpu.yml
systemctl restart prometheus prometheus-alertmanager
