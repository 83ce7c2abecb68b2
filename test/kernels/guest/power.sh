#!/bin/bash
# power.sh SOCKFLOW PROGRAMS RESULTS: an agent whose spool is on a disk, and nobody who takes its records. The first time the machine
# makes connections until it is switched off, and says how many; the next time it takes a copy of what the disk has then, and
# starts an agent on it. test/kernels/power.test.ts judges.
set -euo pipefail
sockflow=$1 programs=$2 results=$3
PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*" >&2; }

main() {
  ip link set lo up
  /run/modprobe virtio_blk
  mkdir /run/disk
  mount -t ext4 /dev/vda /run/disk
  if [[ -d /run/disk/spool ]]; then
    again
  else
    until_switched_off
  fi
}

until_switched_off() {
  local made=0
  start_agent "$results/first"
  while true; do
    "$programs/lives" connections 20 >/dev/null
    made=$((made + 20))
    echo "$(cut -d ' ' -f 1 /proc/uptime) $made" >>"$results/made"
  done
}

again() {
  say after
  cp -r /run/disk/spool "$results/spool"
  start_agent "$results/second"
  kill -TERM $agent
  local code=0
  wait $agent || code=$?
  echo $code >"$results/code"
  umount /run/disk
}

start_agent() {
  "$sockflow" --format json --tcp --no-dns --events close --otlp-endpoint http://127.0.0.1:4317 --no-metrics --spool /run/disk/spool \
    </dev/null >/dev/null 2>"$1" &
  agent=$!
  local attempt
  for attempt in {1..3000}; do
    if grep -q '^sockflow: ready' "$1"; then return; fi
    kill -0 $agent 2>/dev/null || break
    sleep 0.1
  done
  say "the agent is not ready: $(cat "$1")"
  exit 1
}

main
