#!/bin/busybox sh
# init of an image with mkinitcpio's layout: mounts the root on /new_root, runs the late hook, switches the root.
# shellcheck shell=dash
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
# Not busybox's: ext4 wants what only its soft dependencies name.
modprobe() { /usr/bin/modprobe "$@"; }
for module in virtio_pci virtio_blk ext4; do modprobe $module; done
root=$($b sed 's/.*root=\([^ ]*\).*/\1/' /proc/cmdline)
tries=0
until [ -b "$root" ] || [ $tries -ge 50 ]; do $b sleep 0.1; tries=$((tries + 1)); done
$b mount -t ext4 -o rw "$root" /new_root
launch_interactive_shell() { echo '@@failed: the hook wants a shell'; $b poweroff -f; }
# shellcheck source=/dev/null
. /hooks/ostree
run_latehook
for each in proc sys dev run; do $b mount --move /$each /new_root/$each; done
exec $b switch_root /new_root /sbin/init
