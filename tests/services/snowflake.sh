#!/usr/bin/env bash
# A stand-in for Snowflake (fakesnow, on DuckDB) on 127.0.0.1. Usage: snowflake.sh install|start|stop|status
# Environment: SNOWFLAKE_PORT (28284), FAKESNOW_VERSION, PYTHON (python3), and that of lib.sh. Any user and password.
# Its virtual environment, of which "snowflake.sh python" tells the program, has what redshank needs to read beside
# Snowflake's connector: what fakesnow needs cannot be installed beside the rest.
set -euo pipefail
NAME=snowflake PORT=${SNOWFLAKE_PORT:-28284} PORT_VARIABLE=SNOWFLAKE_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
VERSION=${FAKESNOW_VERSION:-0.12.1}

install() {
  if [ "$(cat "$DIR/installed" 2>/dev/null)" = "$VERSION" ]; then return; fi
  say "installing fakesnow $VERSION"
  quietly "${PYTHON:-python3}" -m venv --clear "$DIR/venv"
  quietly "$DIR/venv/bin/python" -m pip install -q "fakesnow[server]==$VERSION" "snowflake-connector-python<5" \
    sqlalchemy polars numpy pyarrow pydantic tzdata pytest
  echo "$VERSION" >"$DIR/installed"
}

launch() { background "$DIR/venv/bin/fakesnow" -s --host 127.0.0.1 --port "$PORT"; }
healthy() { listening; }
address() { echo "snowflake://redshank:redshank@fakesnow/redshank/public?host=127.0.0.1&port=$PORT&protocol=http"; }

if [ "${1:-}" = python ]; then
  echo "$DIR/venv/bin/python"
else
  service "$@"
fi
