#!/bin/busybox sh
# The first process of a virtual machine: takes its root, read-only, with the host's below it where that is another one, and
# goes on in it; for a service, in one that can be written to and is gone with the machine.
/bin/busybox mount -t proc none /proc
for module in $(/bin/busybox cat /modules/list); do /bin/busybox insmod "/modules/$module"; done

told() { /bin/busybox sed -n "s/.* $1=\([^ ]*\).*/\1/p" /proc/cmdline; }

take() { /bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose "$1" "$2"; }

take root /host
share=$(told share)
[ -z "$share" ] || take host "/host$share"
checkout=$(told checkout)
root=/host
if [ "$(told scenario)" = service ]; then
  root=/whole
  /bin/busybox mount -t tmpfs none /upper
  /bin/busybox mkdir /upper/files /upper/work
  /bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work none $root
fi
/bin/busybox umount /proc
exec /bin/busybox switch_root $root /bin/bash "$checkout/test/kernels/guest/init.sh"
