#!/usr/bin/env bash
# The engine of ClickHouse (chdb) behind its HTTP protocol on 127.0.0.1. Usage: clickhouse.sh install|start|stop|status
# Environment: CLICKHOUSE_PORT (28123), CHDB_VERSION, PYARROW_VERSION, PYTHON (python3), and that of lib.sh. User (who may do anything),
# password and database are all "redshank". clickhouse.py says what of the protocol is there.
set -euo pipefail
NAME=clickhouse PORT=${CLICKHOUSE_PORT:-28123} PORT_VARIABLE=CLICKHOUSE_PORT
SERVICE_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$SERVICE_FOLDER/lib.sh"
PYARROW_VERSION=${PYARROW_VERSION:-26.0.1}
VERSION=${CHDB_VERSION:-4.4.0}

install() {
  if [ "$(cat "$DIR/installed" 2>/dev/null)" = "$VERSION $PYARROW_VERSION" ]; then return; fi
  say "installing chdb $VERSION"
  quietly "${PYTHON:-python3}" -m venv --clear "$DIR/venv"
  quietly "$DIR/venv/bin/python" -m pip install -q "chdb==$VERSION" "pyarrow==$PYARROW_VERSION"
  echo "$VERSION $PYARROW_VERSION" >"$DIR/installed"
}

launch() {
  rm -rf "$DIR/data" # another version may have written it
  background "$DIR/venv/bin/python" "$SERVICE_FOLDER/clickhouse.py" "$PORT" "$DIR/data"
}

healthy() { answers "http://127.0.0.1:$PORT/ping"; }
address() { echo "clickhouse://redshank:redshank@127.0.0.1:$PORT/redshank"; }

service "$@"
