# shellcheck shell=bash disable=SC2034,SC2054
# Shared by the service scripts of this folder. Each sets NAME, PORT and PORT_VARIABLE, sources this file, defines
#   install  fetch what is missing       launch   background COMMAND...
#   healthy  true once it answers        address  print its URL
# and ends with: service "$@". Only the address goes to stdout, so url=$(tests/services/postgresql.sh start) works.
# Environment: SERVICES_CACHE (folder of data and logs), SERVICES_TIMEOUT (seconds until it must answer, 120).
# Any number of callers may start at once: one does it, the others wait and get the same address.

DIR=$(realpath -m "${SERVICES_CACHE:-$HOME/.cache/redshank-services}")/$NAME
PATH=$PATH:/usr/sbin:/sbin

say() { echo "$NAME: $*" >&2; }
fail() { say "$@"; exit 1; }
fail_with_log() { tail -n 30 "$DIR/$1" >&2; fail "$2 (log: $DIR/$1)"; }
quietly() { "$@" >>"$DIR/install.log" 2>&1 || fail_with_log install.log "failed: $*"; }

# debian COMMAND PACKAGE [SERVICE]: installs PACKAGE unless COMMAND is there; its own SERVICE stays off.
debian() {
  if command -v "$1" >/dev/null; then return; fi
  command -v apt-get >/dev/null || fail "$1 is missing, and there is no apt-get to install $2 with"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    root=(sudo -n)
    sudo -n true 2>/dev/null || fail "$1 is missing; as root: apt-get install $2"
  fi
  say "installing $2"
  (
    flock 8
    if [ ! -e /usr/sbin/policy-rc.d ]; then # keeps the package from starting its own server
      trap '"${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
      printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee /usr/sbin/policy-rc.d >/dev/null
      "${root[@]}" chmod +x /usr/sbin/policy-rc.d
    fi
    quietly "${root[@]}" apt-get -q update
    quietly "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "$2"
  ) 8>"$DIR/../apt.lock"
  local service=${3:-$2} # not now, as said above, and not at the next boot
  { "${root[@]}" update-rc.d "$service" disable && "${root[@]}" deb-systemd-helper disable "$service.service"; } \
    >>"$DIR/install.log" 2>&1 || true
}

# Some servers refuse root, so for root a command goes behind this: it makes it run as "nobody", with the
# right to pass closed folders kept, because root's home is one.
UNPRIVILEGED=()
if [ "$(id -u)" = 0 ]; then
  UNPRIVILEGED=(setpriv --reuid=nobody --regid=nogroup --clear-groups
    --inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override)
fi
own() { # folder...: makes it, for the unprivileged server
  mkdir -p "$@"
  if [ "$(id -u)" = 0 ]; then chown nobody:nogroup "$@"; fi
}

# A pid may belong to another process after a reboot, so the time of birth is compared too.
born() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && echo "${stat[19]}"
}
running() {
  local birth
  [ -s "$DIR/pid" ] && birth=$(born "$(<"$DIR/pid")") && [ "$birth" = "$(cat "$DIR/born" 2>/dev/null)" ]
}
listening() { (: <"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
answers() { curl -fsS -o /dev/null --max-time 2 --noproxy '*' "$1" 2>/dev/null; }

background() {
  setsid "$@" </dev/null >"$DIR/log" 2>&1 9>&- &
  echo $! >"$DIR/pid"
  born $! >"$DIR/born" || true
}

start() {
  mkdir -p "$DIR"
  exec 9>"$DIR/lock" && flock 9
  if running; then sleep 0.3; fi # a server that was killed just now takes a moment to go
  if ! running; then
    install
    for _ in {1..30}; do if listening; then sleep 0.1; else break; fi; done
    if listening; then fail "port $PORT is taken; choose another with $PORT_VARIABLE"; fi
    launch
  fi
  local deadline=$((SECONDS + ${SERVICES_TIMEOUT:-120}))
  until healthy; do
    if ! running; then fail_with_log log "ended while starting"; fi
    if ((SECONDS > deadline)); then end && fail_with_log log "not ready in time"; fi
    sleep 0.1
  done
  address
}

stop() {
  [ -d "$DIR" ] || return 0
  exec 9>"$DIR/lock" && flock 9 # not in the middle of another's start
  end
}

end() {
  if running; then
    local pid deadline=$((SECONDS + 30))
    pid=$(<"$DIR/pid")
    kill -s "${STOP_SIGNAL:-TERM}" "$pid"
    while running; do
      if ((SECONDS > deadline)); then kill -s KILL -- "-$pid"; fi
      sleep 0.1
    done
  fi
  rm -f "$DIR/pid" "$DIR/born"
}

status() {
  if ! running; then echo "$NAME: stopped" && exit 3; fi
  if ! healthy; then echo "$NAME: running, but does not answer" && exit 1; fi
  echo "$NAME: running, pid $(<"$DIR/pid"), $(address)"
}

service() {
  case ${1:-} in
    install) mkdir -p "$DIR" && install ;;
    start | stop | status) "$1" ;;
    *) echo "usage: $0 install|start|stop|status" >&2 && exit 2 ;;
  esac
}
