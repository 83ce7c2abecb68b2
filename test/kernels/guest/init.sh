#!/bin/bash
# Makes the root, which is read-only, into a system that programs run in, sees what they do, and ends it.
# What the kernel was started with says where things are.
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm && mount -t devpts none /dev/pts
ln -s /proc/self/fd /dev/fd
for directory in /run /dev/shm; do mount -t tmpfs none "$directory"; done
mount -t cgroup2 none /sys/fs/cgroup
mkdir /run/results
mount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=512000 results /run/results
exec </dev/null >/run/results/console 2>&1

told() { grep -o " $1=[^ ]*" /proc/cmdline | cut -d = -f 2; }

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run NODE_COMPILE_CACHE=/run/compiled
# Modules are asked for by the kernel, and are not where it looks.
printf '#!/bin/sh\nexec modprobe --dirname %s "$@"\n' "$(told modules)" >/run/modprobe
chmod 755 /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
checkout=$(told checkout)
if [[ $(told scenario) == service ]]; then exec bash "$checkout/test/kernels/guest/service-init.sh" "$(told sockflow)" "$checkout" /run/results; fi
bash "$checkout/test/kernels/guest/$(told scenario).sh" "$(told sockflow)" "$(told programs)" /run/results
echo $? >/run/results/ended
sync
echo o >/proc/sysrq-trigger
sleep infinity
