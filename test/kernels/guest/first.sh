#!/bin/busybox sh
# The first process of a virtual machine: takes the root of the host, read-only, and goes on in it.
/bin/busybox mount -t proc none /proc
for module in $(/bin/busybox cat /modules/list); do /bin/busybox insmod "/modules/$module"; done
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host
root=$(/bin/busybox sed -n 's/.*checkout=\([^ ]*\).*/\1/p' /proc/cmdline)
/bin/busybox umount /proc
exec /bin/busybox switch_root /host /bin/bash "$root/test/kernels/guest/init.sh"
