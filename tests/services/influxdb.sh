#!/usr/bin/env bash
# InfluxDB 1.x on 127.0.0.1, from Debian. Usage: influxdb.sh install|start|stop|status
# Environment: INFLUXDB_PORT (8086).
set -euo pipefail
NAME=influxdb PORT=${INFLUXDB_PORT:-8086} PORT_VARIABLE=INFLUXDB_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install() { debian curl curl; debian influxd influxdb; }

launch() {
  cat >"$DIR/influxdb.conf" <<EOF
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "$DIR/data/meta"
[data]
  dir = "$DIR/data/data"
  wal-dir = "$DIR/data/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:$PORT"
  log-enabled = false
EOF
  background influxd -config "$DIR/influxdb.conf"
}

healthy() { answers "$(address)/ping"; }
address() { echo "http://127.0.0.1:$PORT"; }

service "$@"
