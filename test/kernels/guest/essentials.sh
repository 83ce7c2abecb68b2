#!/bin/bash
# essentials.sh SOCKFLOW PROGRAMS RESULTS: what an agent says of a workload, and what the kernel does, as files in RESULTS.
# Nothing is judged here: test/kernels/kernels.test.ts does. Runs in a virtual machine, and on this host as the control,
# in a network namespace of its own, which it does not look outside of.
set -euo pipefail
sockflow=$1 programs=$2 results=$3
PATH=/usr/sbin:/usr/bin:/sbin:/bin
namespace=$(stat -L -c %i /proc/self/ns/net)

say() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*" >&2; }

main() {
  uname -r >"$results/release"
  ip link set lo up
  say check
  "$sockflow" check --format json >"$results/check.json"
  say start
  start_agent
  programs_of_agent
  counters >"$results/before"
  say workload
  exchanges
  attempts
  directed
  counters >"$results/after"
  say stop
  stop_agent
  programs_left
  say done
}

counters() { cat /proc/net/snmp /proc/net/netstat; }

# --- the agent ---

start_agent() {
  setpriv --pdeathsig KILL "$sockflow" --format json --network-namespace "$namespace" --interval 1s \
    --events open,update,close,failed,retransmit,reset,drop \
    </dev/null >"$results/records.jsonl" 2>"$results/said" &
  agent=$!
  trap 'kill -KILL $agent 2>/dev/null || true' EXIT
  wait_until is_ready
}

is_ready() {
  kill -0 $agent 2>/dev/null || fail "the agent ended before it was ready: $(cat "$results/said")"
  grep -q '^sockflow: ready' "$results/said"
}

# How much of each program the verifier had to look at is in the descriptors (5.16 and later).
programs_of_agent() {
  cat /proc/$agent/fdinfo/* >"$results/descriptors" 2>/dev/null || true
  bpftool --json prog show >"$results/programs.json"
}

stop_agent() {
  kill -INT $agent
  local code=0
  wait $agent || code=$?
  trap - EXIT
  echo $code >"$results/code"
}

programs_left() {
  local attempt
  ids=$(sed -n 's/^prog_id:\s*//p' "$results/descriptors" | sort -u)
  for attempt in {1..100}; do
    left=$(bpftool --json prog show | grep -o '"id":[0-9]*' | cut -d : -f 2 | sort -u | comm -12 - <(echo "$ids") || true)
    [[ -n $left ]] || break
    sleep 0.1
  done
  echo -n "$left" >"$results/left"
}

# --- what is to be seen ---

exchanges() {
  local family
  for family in 4 6 mapped; do
    exchange $family 25 >>"$results/exchanges"
  done
}

# A server of its own for each; it ends with its input.
exchange() {
  local family=$1 connections=$2 listening port line
  [[ $family == 6 ]] && listening=6 || listening=4
  coproc server { exec "$programs/tcp-server" loop --family $listening --uid 0 --gid 0 --program "$programs/tcp-server"; }
  local pid=$server_PID
  exec 8<&"${server[0]}" 9>&"${server[1]}"
  read -r -u 8 line
  port=$(grep -o '"listening":[0-9]*' <<<"$line" | cut -d : -f 2)
  "$programs/tcp-client" --port "$port" --family $family --connections "$connections" --uid 0 --gid 0
  exec 9>&-
  eval "exec ${server[1]}>&-"
  cat <&8 >/dev/null
  exec 8<&-
  wait $pid
}

attempts() {
  {
    "$programs/attempts" refused --count 23
    "$programs/attempts" refused-async --family 6 --count 19
    "$programs/attempts" cancelled --family mapped --count 13
    "$programs/attempts" timed-out --count 2
  } >"$results/attempts"
  wait_until all_ended
}

# Both ends of each in one process, which does what it is told and lives for a minute at most: one for each.
directed() {
  # The modules that it takes are loaded by now.
  nft list ruleset
  lose_segments
  stop_losing
  mute
  speak
  local step
  for step in datagrams lost_segments muted_segments reset; do
    say $step
    told $step
  done
}

told() {
  coproc sockets { exec "$programs/sockets"; }
  local pid=$sockets_PID
  "$1"
  eval "exec ${sockets[1]}>&-"
  wait $pid
  wait_until all_ended
}

# Makes a call; its result in $result.
call() {
  echo "$*" >&"${sockets[1]}"
  read -r -u "${sockets[0]}" answer
  result=${answer#*'"result":'}
  result=${result%%,*}
  ((result >= 0)) || fail "$*: $answer"
}

lose_segments() {
  nft -f - <<<'table inet lossy { chain in { type filter hook input priority 0; meta l4proto tcp drop; }; }'
}

stop_losing() { nft delete table inet lossy; }

datagrams() {
  local server client port
  call datagram-socket 4; server=$result
  call bind $server 127.0.0.1 0
  call local-port $server; port=$result
  call datagram-socket 4; client=$result
  call send-datagrams $client 20 100 0 127.0.0.1 "$port"
  call take-datagrams $server 20 7
  call take-datagrams $client 20
  call close $client
  call close $server
  echo "$port" >"$results/udp-port"
}

# Connected ends in $client and $server.
connect() {
  local listener
  call socket 4 0 0; listener=$result
  call bind $listener 127.0.0.1 0
  call listen $listener 8
  call local-port $listener; port=$result
  call socket 4 0 0; client=$result
  call connect $client 127.0.0.1 "$port"
  call accept $listener; server=$result
  call close $listener
}

# Lives for more than an interval, so that it is told of meanwhile where the kernel lets it be.
lost_segments() {
  local port client server
  connect
  echo "$port" >"$results/lossy-port"
  lose_segments
  retransmitted=$(tcp_counter RetransSegs)
  call send $client 10
  wait_until was_retransmitted
  stop_losing
  call receive $server 10
  wait_until was_updated
  call close $client
  call close $server
}

# Lost once on its way, and not let out again: Linux 6.1 and 6.12 count that without calling
# the hook, so its end tells of it.
muted_segments() {
  local port client server
  connect
  echo "$port" >"$results/muted-port"
  lose_segments
  retransmitted=$(tcp_counter RetransSegs)
  call send $client 10
  mute
  wait_until was_retransmitted
  call linger $client 0
  call close $client
  speak
  stop_losing
  call close $server
}

mute() {
  nft -f - <<<'table inet mute { chain out { type filter hook output priority 0; meta l4proto tcp drop; }; }'
}

speak() { nft delete table inet mute; }

was_retransmitted() { (($(tcp_counter RetransSegs) >= retransmitted + 2)); }

was_updated() { grep -q 'off:.*updates of live connections' "$results/said" || grep -q '"sockflow.connection.update"' "$results/records.jsonl"; }

reset() {
  local port client server
  connect
  echo "$port" >"$results/reset-port"
  call send $client 5
  call receive $server 5
  call linger $server 0
  call close $server
  call close $client
}

# --- help ---

tcp_counter() {
  awk -v name="$1" '/^Tcp:/ { if (!column) { for (i = 2; i <= NF; i++) if ($i == name) column = i } else print $column }' /proc/net/snmp
}

all_ended() { [[ -z $(ss -Htan exclude time-wait exclude listening) ]]; }

# The virtual machine as a whole has the limit that counts.
wait_until() {
  local attempt
  for attempt in {1..3000}; do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "$*: not within five minutes"
}

fail() {
  say "failed: $*"
  exit 1
}

main
