#!/usr/bin/env bash
# Prometheus' Alertmanager on 127.0.0.1, from Debian. Usage: alertmanager.sh install|start|stop|status
# Environment: ALERTMANAGER_PORT (29093), and that of lib.sh.
set -euo pipefail
NAME=alertmanager PORT=${ALERTMANAGER_PORT:-29093} PORT_VARIABLE=ALERTMANAGER_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install() { debian curl curl; debian prometheus-alertmanager prometheus-alertmanager; }

launch() {
  printf 'route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]\n' >"$DIR/alertmanager.yml"
  background prometheus-alertmanager --config.file="$DIR/alertmanager.yml" --storage.path="$DIR/data" \
    --web.listen-address="127.0.0.1:$PORT" --cluster.listen-address=
}

healthy() { answers "$(address)/-/ready"; }
address() { echo "http://127.0.0.1:$PORT"; }

service "$@"
