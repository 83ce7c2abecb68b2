#!/bin/bash
# service.sh PROGRAMS RESULTS: what systemd makes of sockflow's unit, as files in RESULTS; test/kernels/service.test.ts judges. Runs
# as a service itself, in a virtual machine that systemd has started.
set -uo pipefail
programs=$1 results=$2
PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*"; }

main() {
  ip link set lo up
  say start
  systemctl start sockflow.service || { journal >&2; return 1; }
  state >"$results/started"
  rights >"$results/rights"
  say workload
  exchange >"$results/exchange"
  wait_until told || return 1
  say reload
  systemctl reload sockflow.service || return 1
  wait_until read_again || return 1
  say kill
  wait_until spooled || return 1
  kill -KILL "$(property MainPID)"
  wait_until started_again || return 1
  state >"$results/restarted"
  say stop
  systemctl stop sockflow.service || return 1
  state >"$results/stopped"
  bpftool --json prog show >"$results/programs.json"
  find /var/lib/private/sockflow -printf '%m %s %P\n' >"$results/spool"
  journal >"$results/journal"
  say done
}

property() { systemctl show --value --property "$1" sockflow.service; }

state() {
  systemctl show --property ActiveState,SubState,Result,StatusText,MainPID,NRestarts,ExecMainCode,ExecMainStatus,WatchdogUSec \
    sockflow.service
}

# Of the whole family: the agent, and the process that answers what takes a capability.
rights() {
  local pid
  for pid in $(cat /sys/fs/cgroup/system.slice/sockflow.service/cgroup.procs); do
    cat "/proc/$pid/status"
  done
}

# One server, which ends with its input, and 25 connections.
exchange() {
  local line
  coproc server { exec "$programs/tcp-server" loop --uid 0 --gid 0 --program "$programs/tcp-server"; }
  local pid=$server_PID
  exec 8<&"${server[0]}"
  read -r -u 8 line
  "$programs/tcp-client" --port "$(grep -o '"listening":[0-9]*' <<<"$line" | cut -d : -f 2)" --connections 25 --uid 0 --gid 0
  eval "exec ${server[1]}>&-"
  cat <&8 >/dev/null
  wait "$pid"
}

journal() { journalctl --sync && journalctl --no-pager --output cat --unit sockflow.service; }

told() { (($(journal | grep -c '"sockflow.connection.close"') >= 50)); }

spooled() { (($(du --bytes --summarize /var/lib/private/sockflow | cut -f 1) > 50000)); }

read_again() { journal | grep -q 'configuration read again'; }

started_again() { [[ $(property NRestarts) == 1 && $(property ActiveState) == active ]]; }

wait_until() {
  local attempt
  for attempt in {1..600}; do
    if "$@"; then return; fi
    sleep 0.5
  done
  say "failed: $*: not within five minutes"
  journal >&2
  return 1
}

main
echo $? >"$results/ended"
sync
echo o >/proc/sysrq-trigger
sleep infinity
