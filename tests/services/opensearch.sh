#!/usr/bin/env bash
# OpenSearch on 127.0.0.1, one node with Painless and reindex. Usage: opensearch.sh install|start|stop|status
# Environment: OPENSEARCH_VERSION (3.8.0, which needs Java 21 to 25; 2.19.6, for Java 11 to 23), of which each major is a
# server of its own; OPENSEARCH_PORT (9230 or 9220; the transport takes a hundred more), SEARCH_HEAP (512m).
set -euo pipefail
VERSION=${OPENSEARCH_VERSION:-3.8.0}
NAME=opensearch${VERSION%%.*} PORT=${OPENSEARCH_PORT:-92${VERSION%%.*}0} PORT_VARIABLE=OPENSEARCH_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib-search.sh"
ARTIFACT=org.opensearch.distribution.integ-test-zip:opensearch SETTINGS=("transport.port=$((PORT + 100))")
JAVA_FROM=21 JAVA_TO=25

if [[ $VERSION == 2.* ]]; then
  JAVA_FROM=11 JAVA_TO=23
  modules() { # the zip of 2.x has none of them
    local runtime='permission java.lang.RuntimePermission'
    module lang-painless org.opensearch.painless.PainlessPlugin \
      "$runtime \"createClassLoader\"; $runtime \"getClassLoader\";" \
      "org.opensearch.plugin:"{lang-painless,opensearch-scripting-painless-spi}":$VERSION" \
      org.antlr:antlr4-runtime:4.13.1 org.ow2.asm:asm{,-analysis,-commons,-tree,-util}:9.7
    module reindex org.opensearch.index.reindex.ReindexPlugin 'permission java.net.SocketPermission "*", "connect";' \
      "org.opensearch.plugin:reindex-client:$VERSION" "org.opensearch.client:opensearch-rest-client:$VERSION" \
      "org.opensearch:opensearch-ssl-config:$VERSION" \
      commons-codec:commons-codec:1.18.0 commons-logging:commons-logging:1.2 \
      org.apache.httpcomponents:{httpclient:4.5.14,httpcore:4.4.16,httpasyncclient:4.1.5,httpcore-nio:4.4.16}
  }
fi

service "$@"
