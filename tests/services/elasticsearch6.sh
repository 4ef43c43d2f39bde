#!/usr/bin/env bash
# Elasticsearch 6.8 on 127.0.0.1, one node with all its modules. Usage: elasticsearch6.sh install|start|stop|status
# Environment: ELASTICSEARCH6_PORT (9260; the transport takes a hundred more), SEARCH_HEAP (512m). Needs Java 8 to 17.
set -euo pipefail
NAME=elasticsearch6 PORT=${ELASTICSEARCH6_PORT:-9260} PORT_VARIABLE=ELASTICSEARCH6_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib-search.sh"
VERSION=6.8.23 ARTIFACT=org.elasticsearch.distribution.zip:elasticsearch JAVA_FROM=8 JAVA_TO=17
SETTINGS=("transport.tcp.port=$((PORT + 100))" xpack.ml.enabled=false xpack.watcher.enabled=false)

service "$@"
