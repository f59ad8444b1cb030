#!/bin/busybox sh
# init of an initramfs that only tells what the boot loader gave it: which tree the boot link leads to, and the arguments.
# shellcheck shell=dash
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in $($b cat /modules/order); do $b insmod "/modules/$module" 2> /dev/null || true; done
word() { for each in $($b cat /proc/cmdline); do case $each in "$1"=*) echo "${each#*=}" ;; esac; done; }
root=$(word root)
tries=0
until [ -b "$root" ] || [ $tries -ge 100 ]; do $b sleep 0.1; tries=$((tries + 1)); done
$b mount -t ext4 -o ro "$root" /sysroot || { echo "@@failed no root $root"; $b poweroff -f; }
echo "@@arguments $($b cat /proc/cmdline)"
echo "@@os $($b sed -n 's/^PRETTY_NAME=//p' "/sysroot$(word ostree)/usr/lib/os-release")"
$b poweroff -f
