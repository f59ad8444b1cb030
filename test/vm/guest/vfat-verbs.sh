#!/bin/busybox sh
# init of an initramfs that changes what boots, with the EFI system partition mounted, and powers off.
# shellcheck shell=dash
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
for module in $($b cat /modules/order); do $b insmod "/modules/$module" 2> /dev/null || true; done
tries=0
until [ -b /dev/vda2 ] || [ $tries -ge 100 ]; do $b sleep 0.1; tries=$((tries + 1)); done
$b mount -t ext4 /dev/vda2 /sysroot || { echo "@@failed no root"; $b poweroff -f; }
$b mount -t vfat /dev/vda1 /sysroot/efi || { echo "@@failed no partition"; $b poweroff -f; }
export OSTREE_SYSROOT=/sysroot
while read -r verb; do
    # shellcheck disable=SC2086
    /usr/bin/yum-ostree-boot $verb
    echo "@@verb $verb: $?"
done < /verbs
$b umount /sysroot/efi
$b umount /sysroot
$b poweroff -f
