#!/usr/bin/env bash
# Elasticsearch 7.10 (the last under the Apache licence) on 127.0.0.1, one node with Painless and reindex.
# Usage: elasticsearch7.sh install|start|stop|status
# Environment: ELASTICSEARCH7_PORT (9270; the transport takes a hundred more), SEARCH_HEAP (512m). Needs Java 8 to 17.
set -euo pipefail
NAME=elasticsearch7 PORT=${ELASTICSEARCH7_PORT:-9270} PORT_VARIABLE=ELASTICSEARCH7_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib-search.sh"
VERSION=7.10.2 ARTIFACT=org.elasticsearch.distribution.integ-test-zip:elasticsearch JAVA_FROM=8 JAVA_TO=17
SETTINGS=("transport.port=$((PORT + 100))")

modules() { # the zip has none of them
  local runtime='permission java.lang.RuntimePermission'
  module lang-painless org.elasticsearch.painless.PainlessPlugin \
    "$runtime \"createClassLoader\"; $runtime \"getClassLoader\";" \
    org.codelibs.elasticsearch.module:{lang-painless,scripting-painless-spi}:$VERSION \
    org.antlr:antlr4-runtime:4.5.3 org.ow2.asm:asm{,-analysis,-commons,-tree,-util}:7.2
  module reindex org.elasticsearch.index.reindex.ReindexPlugin 'permission java.net.SocketPermission "*", "connect";' \
    org.elasticsearch.plugin:reindex-client:$VERSION org.elasticsearch.client:elasticsearch-rest-client:$VERSION \
    org.elasticsearch:elasticsearch-ssl-config:$VERSION \
    commons-codec:commons-codec:1.11 commons-logging:commons-logging:1.1.3 \
    org.apache.httpcomponents:{httpclient:4.5.10,httpcore:4.4.12,httpasyncclient:4.1.4,httpcore-nio:4.4.12}
}

service "$@"
