#!/bin/busybox sh
# init of the smallest initramfs: loads the drivers, mounts the disk on /sysroot, runs ostree-prepare-root, switches root.
# shellcheck shell=dash
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
for module in $($b cat /modules/order); do $b insmod "/modules/$module" 2> /dev/null || true; done
word() { for each in $($b cat /proc/cmdline); do case $each in "$1"=*) echo "${each#*=}" ;; esac; done; }
root=$(word root)
tries=0
until [ -b "$root" ] || [ $tries -ge 50 ]; do $b sleep 0.1; tries=$((tries + 1)); done
# As a kernel that has the drivers built in starts a machine without initramfs: the root file system only, then init=.
init=$(word init)
if [ -n "$init" ]; then
    $b mount -t ext4 -o rw "$root" /sysroot
    for each in run sys proc dev; do $b umount -l /$each; done
    exec $b switch_root /sysroot "$init"
fi
$b mount -t ext4 -o rw "$root" /sysroot || { echo "@@failed no root $root"; $b poweroff -f; }
# shellcheck source=/dev/null
[ ! -e /before.sh ] || . /before.sh
: > /etc/initrd-release
before=$($b cut -d' ' -f1 /proc/uptime)
/usr/lib/ostree/ostree-prepare-root /sysroot
code=$?
after=$($b cut -d' ' -f1 /proc/uptime)
echo "@@prepared code=$code from=$before to=$after"
[ $code = 0 ] || { $b sync; $b poweroff -f; }
# shellcheck source=/dev/null
[ ! -e /after.sh ] || . /after.sh
echo "prepare-root from=$before to=$after" > /run/vm-times
for each in proc sys dev run; do $b mount --move /$each /sysroot/$each; done
exec $b switch_root /sysroot /sbin/init
