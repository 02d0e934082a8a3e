#: step silence is a signal
cat > /etc/prometheus/rules/silence.yml <<'CONF'
groups:
  - name: silence
    rules:
      - alert: NodeSilent
        expr: up == 0
        for: 3s
        labels:
          severity: page
        annotations:
          summary: '{{ $labels.instance }}: no metrics'
CONF
systemctl reload prometheus
