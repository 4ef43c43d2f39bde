#!/usr/bin/env bash
# PostgreSQL on 127.0.0.1, from Debian. Usage: postgresql.sh install|start|stop|status
# Environment: POSTGRESQL_PORT (54329), and that of lib.sh. User (a superuser), password and database: "redshank".
set -euo pipefail
NAME=postgresql PORT=${POSTGRESQL_PORT:-54329} PORT_VARIABLE=POSTGRESQL_PORT STOP_SIGNAL=INT
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
find_programs() { for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done; } # where Debian keeps them
find_programs

install() {
  debian initdb postgresql
  find_programs
  if [ -e "$DIR/installed" ]; then return; fi
  rm -rf "$DIR/data" && own "$DIR/data"
  echo redshank >"$DIR/password"
  quietly "${UNPRIVILEGED[@]}" initdb -D "$DIR/data" -U redshank --pwfile="$DIR/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync
  echo 'CREATE DATABASE redshank' | quietly "${UNPRIVILEGED[@]}" postgres --single -D "$DIR/data" postgres
  touch "$DIR/installed"
}

launch() {
  # A server that was killed may linger as a zombie, which PostgreSQL would take for a live owner of the
  # data. It ignores its own parent's pid; its check for orphaned workers stays as it is.
  if [ -e "$DIR/data/postmaster.pid" ]; then sed -i "1s/.*/$$/" "$DIR/data/postmaster.pid"; fi
  background "${UNPRIVILEGED[@]}" postgres -D "$DIR/data" -p "$PORT" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c fsync=off -c max_connections=200
}

healthy() { pg_isready -q -h 127.0.0.1 -p "$PORT" -U redshank -d redshank; }
address() { echo "postgresql://redshank:redshank@127.0.0.1:$PORT/redshank"; }

service "$@"
