#!/usr/bin/env bash
# MariaDB on 127.0.0.1, from Debian. Usage: mysql.sh install|start|stop|status
# Environment: MYSQL_PORT (23306). User (with all rights), password and database are all "redshank".
set -euo pipefail
NAME=mysql PORT=${MYSQL_PORT:-23306} PORT_VARIABLE=MYSQL_PORT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install() {
  debian mariadbd mariadb-server mariadb
  if [ -e "$DIR/installed" ]; then return; fi
  rm -rf "$DIR/data" && own "$DIR/data"
  cat >"$DIR/init.sql" <<EOF
CREATE DATABASE IF NOT EXISTS redshank CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS redshank@'127.0.0.1' IDENTIFIED BY 'redshank';
GRANT ALL ON *.* TO redshank@'127.0.0.1' WITH GRANT OPTION;
EOF
  quietly "${UNPRIVILEGED[@]}" mariadb-install-db --no-defaults --datadir="$DIR/data" \
    --auth-root-authentication-method=normal --skip-test-db
  touch "$DIR/installed"
}

launch() {
  background "${UNPRIVILEGED[@]}" mariadbd --no-defaults --datadir="$DIR/data" --port="$PORT" \
    --bind-address=127.0.0.1 --socket=mariadb.sock --pid-file=mariadb.pid --skip-name-resolve \
    --init-file="$DIR/init.sql" --local-infile=1
}

healthy() {
  timeout 2 mariadb --no-defaults -h 127.0.0.1 -P "$PORT" -u redshank -predshank -e 'SELECT 1' redshank >/dev/null 2>&1
}
address() { echo "mysql://redshank:redshank@127.0.0.1:$PORT/redshank"; }

service "$@"
