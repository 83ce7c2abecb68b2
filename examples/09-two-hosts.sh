#!/bin/sh
# Two hosts, an agent on each, and a router between them that translates addresses: each connection is one trace, with the
# client's end from one agent and the server's from the other, though neither agent knows of the other and no packet was touched.
#
# The hosts are network namespaces that this makes and removes. JAEGER says where spans go (OTLP over gRPC); then look for
# the service "two-hosts-client" at Jaeger. Needs bash, iproute2, nftables and Node; COUNT says how many connections.
set -eu
here=$(dirname "$(readlink -f "$0")")
endpoint=${JAEGER:-http://localhost:4317}
count=${COUNT:-5}
id=sockflow$$
work=$(mktemp -d)
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# The agents end first: what they have still to send is sent then.
cleanup() {
  trap '' INT TERM
  # shellcheck disable=SC2086 # several pids
  if [ -n "${agents-}" ]; then kill -TERM $agents 2>/dev/null || :; wait $agents || :; fi
  if [ -n "${server-}" ]; then kill "$server" 2>/dev/null || :; fi
  for host in near router far; do ip netns delete "$id-$host" 2>/dev/null || :; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

in_host() { host=$1; shift; nsenter --net="/run/netns/$id-$host" "$@"; }

# near 10.0.1.2 - router - 10.0.2.2 far; near dials 10.9.9.9:80, which far sees as 10.0.2.1 dialling its port 8080.
for host in near router far; do
  ip netns add "$id-$host"
  in_host $host ip link set lo up
done
in_host router sysctl -qw net.ipv4.ip_forward=1
for host in near far; do
  ip link add out netns "$id-$host" type veth peer name $host netns "$id-router"
  in_host $host ip link set out up
  in_host router ip link set $host up
done
in_host router ip address add 10.0.1.1/24 dev near
in_host router ip address add 10.0.2.1/24 dev far
in_host near ip address add 10.0.1.2/24 dev out
in_host near ip route add default via 10.0.1.1
in_host far ip address add 10.0.2.2/24 dev out
in_host router nft -f - <<'NFT'
table ip nat {
  chain pre { type nat hook prerouting priority dstnat; ip daddr 10.9.9.9 tcp dport 80 dnat to 10.0.2.2:8080; }
  chain post { type nat hook postrouting priority srcnat; oifname "far" masquerade; }
}
NFT

# An agent for each host, with the name of its host.
watch() {
  unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' sh "$1.example" "$here/../bin/sockflow" \
    --network-namespace "$(stat -Lc %i "/run/netns/$id-$1")" --otlp-endpoint "$endpoint" \
    --traces --no-logs --no-metrics --no-docker 2>"$work/$1" &
  agents="${agents-} $!"
}
watch near
watch far
for host in near far; do
  until grep -q '^sockflow: ready' "$work/$host"; do
    # shellcheck disable=SC2086
    for agent in $agents; do kill -0 "$agent" 2>/dev/null || { cat "$work"/* >&2; exit 1; }; done
    sleep 0.1
  done
done

# A shell under a name that is easily found dials; what answers says so once it listens. (Not in_host: a function in the
# background is a shell of its own, and to end that would not end what it started.)
cp "$(command -v bash)" "$work/two-hosts-client"
nsenter --net="/run/netns/$id-far" node -e 'require("net").createServer((socket) => socket.end("hello\n")).listen(8080, "10.0.2.2", () => console.log("listening"))' >"$work/server" &
server=$!
until grep -q listening "$work/server"; do kill -0 $server; sleep 0.1; done
i=0
while [ $i -lt "$count" ]; do
  in_host near "$work/two-hosts-client" -c 'exec 3<>/dev/tcp/10.9.9.9/80; read -r answer <&3'
  i=$((i + 1))
done
echo "$count connections from near.example to far.example; their traces are on the way to $endpoint"
