# shellcheck shell=bash disable=SC2034,SC2154
# Shared by opensearch.sh and elasticsearch*.sh, on top of lib.sh: one node from Maven Central. Each sets
#   NAME PORT PORT_VARIABLE VERSION ARTIFACT (group:id of the zip), JAVA_FROM and JAVA_TO (majors that it runs on),
#   SETTINGS (an array of its own settings), and may define modules, which adds those that the zip lacks.
# Environment: SEARCH_HEAP (512m), SEARCH_JVM (-XX:TieredStopAtLevel=1: a start costs half the CPU; empty to benchmark),
# SERVICES_TIMEOUT (240).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
SERVICES_TIMEOUT=${SERVICES_TIMEOUT:-240}

# Java asks access(2), which looks past the right that lib.sh leaves to "nobody" unless told not to.
if [ "${#UNPRIVILEGED[@]}" != 0 ]; then UNPRIVILEGED+=(--securebits=+no_setuid_fixup); fi

# One Maven at a time: two that fill the same local repository can spoil each other's files.
maven() { quietly flock "$DIR/../maven.lock" mvn -B -q "$@"; }

major() { "$1/bin/java" -version 2>&1 | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p'; }
find_java() { # from to: sets JAVA to the home of a Java between these majors
  for JAVA in "${JAVA_HOME:-/none}" /usr/lib/jvm/*; do
    if [ -x "$JAVA/bin/java" ] && (($(major "$JAVA") >= $1 && $(major "$JAVA") <= $2)); then return; fi
  done
  return 1
}
need_java() { # from to: installs the newest of them that Debian has when there is none
  if find_java "$1" "$2"; then return; fi
  local release root=()
  if [ "$(id -u)" != 0 ]; then root=(sudo -n); fi
  "${root[@]}" apt-get -q update >>"$DIR/install.log" 2>&1 || true
  for release in 25 21 17 11; do
    if ((release >= $1 && release <= $2)) && apt-cache show "openjdk-$release-jre-headless" >/dev/null 2>&1; then
      debian "java of release $release" "openjdk-$release-jre-headless"
      if find_java "$1" "$2"; then return; fi
    fi
  done
  fail "$VERSION needs Java $1 to $2, in JAVA_HOME or under /usr/lib/jvm, and Debian has none of these"
}

# module NAME CLASS PERMISSIONS ARTIFACT...: puts a module of the server together from published jars, just these.
module() {
  local folder=$NODE/modules/$1 group id release
  mkdir -p "$folder"
  printf '%s\n' "name=$1" "description=$1" "classname=$2" "version=$VERSION" "$PROGRAM.version=$VERSION" \
    java.version=1.8 has.native.controller=false >"$folder/plugin-descriptor.properties"
  echo "grant { $3 };" >"$folder/plugin-security.policy"
  {
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>services</groupId><artifactId>module</artifactId>'
    echo '<version>1</version><packaging>pom</packaging><dependencies>'
    while IFS=: read -r group id release; do
      echo "<dependency><groupId>$group</groupId><artifactId>$id</artifactId><version>$release</version><exclusions>"
      echo '<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>'
    done < <(printf '%s\n' "${@:4}")
    echo '</dependencies></project>'
  } >"$DIR/pom.xml"
  maven -f "$DIR/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$folder"
}

install() {
  PROGRAM=${ARTIFACT#*:} NODE=$DIR/$VERSION
  debian mvn maven
  need_java "$JAVA_FROM" "$JAVA_TO"
  if [ -e "$NODE/complete" ]; then return; fi
  debian unzip unzip
  debian curl curl
  say "fetching $PROGRAM $VERSION"
  rm -rf "$NODE" "$DIR/$PROGRAM-$VERSION"
  maven dependency:copy "-Dartifact=$ARTIFACT:$VERSION:zip" "-DoutputDirectory=$DIR"
  quietly unzip -q "$DIR/$PROGRAM-$VERSION.zip" -d "$DIR"
  rm "$DIR/$PROGRAM-$VERSION.zip"
  mv "$DIR/$PROGRAM-$VERSION" "$NODE"
  if declare -F modules >/dev/null; then modules; fi
  touch "$NODE/complete"
}

launch() {
  local heap=${SEARCH_HEAP:-512m} setting arguments=()
  for setting in discovery.type=single-node network.host=127.0.0.1 "http.port=$PORT" \
    cluster.routing.allocation.disk.threshold_enabled=false "${SETTINGS[@]}"; do
    arguments+=(-E "$setting")
  done
  local options="-Xms$heap -Xmx$heap ${SEARCH_JVM--XX:TieredStopAtLevel=1}"
  own "$NODE/data" "$NODE/logs" "$NODE/config" "$NODE/tmp"
  background "${UNPRIVILEGED[@]}" env HOME="$NODE" JAVA_HOME="$JAVA" \
    ES_JAVA_HOME="$JAVA" ES_JAVA_OPTS="$options" ES_TMPDIR="$NODE/tmp" \
    OPENSEARCH_JAVA_HOME="$JAVA" OPENSEARCH_JAVA_OPTS="$options" OPENSEARCH_TMPDIR="$NODE/tmp" \
    "$NODE/bin/$PROGRAM" "${arguments[@]}"
}

healthy() { answers "$(address)/_cluster/health?wait_for_status=yellow&timeout=1s"; }
address() { echo "http://127.0.0.1:$PORT"; }
