#!/usr/bin/env bash
# Apache Kafka on 127.0.0.1, one KRaft node, from Maven Central. Usage: kafka.sh install|start|stop|status
# Environment: KAFKA_PORT (19092; the controller takes the next one), KAFKA_VERSION, KAFKA_HEAP (512m).
set -euo pipefail
NAME=kafka PORT=${KAFKA_PORT:-19092} PORT_VARIABLE=KAFKA_PORT
VERSION=${KAFKA_VERSION:-4.4.0}
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
JAVA=(java "-Xmx${KAFKA_HEAP:-512m}" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$DIR/jars-$VERSION/*")

install() {
  debian java default-jre-headless
  if [ -e "$DIR/jars-$VERSION/complete" ]; then return; fi
  debian mvn maven
  say "fetching Kafka $VERSION"
  cat >"$DIR/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>services</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>$VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
EOF
  quietly mvn -B -q -f "$DIR/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$DIR/jars-$VERSION"
  touch "$DIR/jars-$VERSION/complete"
}

launch() {
  cat >"$DIR/server.properties" <<EOF
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:$((PORT + 1))
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$((PORT + 1))
log.dirs=$DIR/data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
EOF
  if [ ! -e "$DIR/data/meta.properties" ]; then
    quietly "${JAVA[@]}" kafka.tools.StorageTool format --standalone -t AAAAAAAAAAAAAAAAAAAAAQ \
      -c "$DIR/server.properties"
  fi
  background "${JAVA[@]}" kafka.Kafka "$DIR/server.properties"
}

healthy() { listening && grep -q 'Kafka Server started' "$DIR/log"; }
address() { echo "127.0.0.1:$PORT"; }

service "$@"
