#!/usr/bin/env bash
# Prometheus on 127.0.0.1, from Debian. Usage: prometheus.sh install|start|stop|status
# Environment: PROMETHEUS_PORT (9090). It scrapes itself every second and takes remote writes at
# /api/v1/write, also of points up to ten years old, so that tests can fill in a history.
set -euo pipefail
NAME=prometheus PORT=${PROMETHEUS_PORT:-9090} PORT_VARIABLE=PROMETHEUS_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install() { debian curl curl; debian prometheus prometheus; }

launch() {
  cat >"$DIR/prometheus.yml" <<EOF
global:
  scrape_interval: 1s
storage:
  tsdb:
    out_of_order_time_window: 10y
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["127.0.0.1:$PORT"]
EOF
  background prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/data" \
    --storage.tsdb.retention.time=10y --web.listen-address="127.0.0.1:$PORT" --web.enable-remote-write-receiver \
    --web.enable-lifecycle --web.enable-admin-api
}

healthy() { answers "$(address)/-/ready"; }
address() { echo "http://127.0.0.1:$PORT"; }

service "$@"
