# One side of the monitoring or the other.
if [ "$CC_NODE" != mon ]; then
    # The folder of files and nothing else: the rest of a node exporter speaks of the machine below.
    echo 'ARGS="--collector.disable-defaults --collector.textfile --collector.textfile.directory=/var/lib/prometheus/node-exporter"' \
        > /etc/default/prometheus-node-exporter
    if [ "$CC_VARIANT" = unreadable ]; then
        mkdir /etc/systemd/system/gpu-metrics.service.d
        cat > /etc/systemd/system/gpu-metrics.service.d/hardening.conf <<'UNIT'
# As the security baseline has it for services of root.
[Service]
UMask=0077
UNIT
    fi
    systemctl daemon-reload
    systemctl enable --now gpu-metrics prometheus-node-exporter
    exit
fi

drop=
expression='gpu_xids_total{xid=~"48|63|64|74|79|95|119"} > 0'
severity=page
case $CC_VARIANT in
    dropped)
        drop="
    # $CC_SERIES series that nobody looks at.
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: '(go|process|promhttp|gpu)_.*_total'
        action: drop"
        ;;
    born-at-one) expression='increase(gpu_xids_total{xid=~"48|63|64|74|79|95|119"}[5m]) > 0' ;;
    routed-away) severity=critical ;;
esac

cat > /etc/prometheus/prometheus.yml <<CONF
global:
  scrape_interval: 3s
  evaluation_interval: 3s

rule_files:
  - /etc/prometheus/rules/*.yml

alerting:
  alertmanagers:
    - static_configs:
        - targets: ['localhost:9093']

scrape_configs:
  - job_name: nodes
    static_configs:
      - targets: ['gpu1:9100', 'gpu2:9100']
    relabel_configs:
      # gpu1, and not gpu1:9100.
      - source_labels: [__address__]
        regex: '(.*):9100'
        target_label: instance$drop
CONF
mkdir /etc/prometheus/rules
cat > /etc/prometheus/rules/gpu.yml <<CONF
groups:
  - name: gpu
    rules:
      - alert: GpuBroken
        expr: $expression
        labels:
          severity: page
        annotations:
          summary: '{{ \$labels.instance }}: GPU {{ \$labels.pci }} had Xid {{ \$labels.xid }}'
      - alert: GpuProgramFailed
        expr: gpu_xids_total{xid=~"13|31|43|45"} > 0
        labels:
          severity: note
        annotations:
          summary: '{{ \$labels.instance }}: a program on GPU {{ \$labels.pci }} had Xid {{ \$labels.xid }}'
CONF
cat > /etc/prometheus/alertmanager.yml <<CONF
route:
  receiver: chat
  group_by: [alertname, instance]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 12h
  routes:
    - matchers: ['severity="$severity"']
      receiver: pager

receivers:
  - name: pager
    webhook_configs:
      - url: http://localhost:9099/page
  - name: chat
    webhook_configs:
      - url: http://localhost:9099/chat
CONF
# Resent after seconds: what fires in the first moments of a Prometheus finds no alertmanager yet.
echo 'ARGS="--storage.tsdb.retention.time=2d --rules.alert.resend-delay=5s"' > /etc/default/prometheus
# Whom it has told what goes with it. Kept over a restart, a page that nobody took back before would keep the next one
# of its kind from being sent for twelve hours.
echo 'ARGS="--cluster.listen-address= --storage.path=/run/alertmanager"' > /etc/default/prometheus-alertmanager
mkdir /etc/systemd/system/prometheus-alertmanager.service.d
cat > /etc/systemd/system/prometheus-alertmanager.service.d/memory.conf <<'UNIT'
[Service]
RuntimeDirectory=alertmanager
UNIT
systemctl daemon-reload
systemctl enable --now pager prometheus-alertmanager prometheus
