#!/bin/bash
# service-init.sh SOCKFLOW CHECKOUT RESULTS: lays the program out as docs/install.md says that the unit needs it, and becomes systemd,
# which starts nothing but what service.sh asks for. The root is writable here, and gone with the machine.
set -euo pipefail
sockflow=$1 checkout=$2 results=$3

# The unit hides /tmp and /home, where both may be.
mkdir -p /opt/checkout /usr/lib/sockflow /etc/sockflow
mount --bind "$checkout" /opt/checkout
agent=$(dirname "$(dirname "$sockflow")")
cp -r "$agent/dist" "$agent/bin" "$agent/package.json" /usr/lib/sockflow/
ln -s /opt/checkout/build /opt/checkout/node_modules /usr/lib/sockflow/
ln -s /usr/lib/sockflow/bin/sockflow /usr/bin/sockflow
cp /opt/checkout/packaging/sockflow.service /usr/lib/systemd/system/
# Nobody is there: what is told stays in the spool.
printf 'format: json\notlp-endpoint: http://127.0.0.1:4317\nmetrics: false\nevents: [close, failed]\n' >/etc/sockflow/config.yaml

mkdir -p /run/systemd/system
cat >/run/systemd/system/judged.service <<UNIT
[Unit]
Description=what is seen of sockflow's unit
DefaultDependencies=no
After=systemd-journald.socket dbus.socket

[Service]
Type=oneshot
ExecStart=/bin/bash /opt/checkout/test/kernels/guest/service.sh /opt/checkout/build/test $results
StandardOutput=file:$results/console
StandardError=file:$results/console
UNIT
# The host's own services are none of this, and its /tmp is not to be emptied.
rm -rf /etc/systemd/system/*.wants /etc/systemd/system/*.requires
for name in tmpfiles-setup tmpfiles-setup-dev udev-trigger udevd update-utmp random-seed binfmt sysctl; do
  ln -sf /dev/null "/etc/systemd/system/systemd-$name.service"
done
exec /lib/systemd/systemd --unit=judged.service
