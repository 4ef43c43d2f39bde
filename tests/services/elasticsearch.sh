#!/usr/bin/env bash
# Elasticsearch on 127.0.0.1, one node. Usage: elasticsearch.sh install|start|stop|status
# Environment: ELASTICSEARCH_VERSION (8.7.1 for Java 17 to 23; 8.19.21 too; 9.5.3 for Java 21 to 25), of which each major
# is a server of its own; ELASTICSEARCH_PORT (9280 or 9290; the transport takes a hundred more), SEARCH_HEAP (512m).
# What Maven Central has of 8 and 9 lacks the modules: no Painless, reindex, data streams, processors, SQL, ES|QL;
# from 8.9 on GET / answers 405, with the header X-elastic-product as always. elasticsearch7.sh has Painless, reindex.
set -euo pipefail
VERSION=${ELASTICSEARCH_VERSION:-8.7.1}
NAME=elasticsearch${VERSION%%.*} PORT=${ELASTICSEARCH_PORT:-92${VERSION%%.*}0} PORT_VARIABLE=ELASTICSEARCH_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib-search.sh"
ARTIFACT=org.elasticsearch.distribution.integ-test-zip:elasticsearch
if [[ $VERSION == 8.* ]]; then JAVA_FROM=17 JAVA_TO=23; else JAVA_FROM=21 JAVA_TO=25; fi
SETTINGS=("transport.port=$((PORT + 100))" xpack.security.enabled=false)

service "$@"
