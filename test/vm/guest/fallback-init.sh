#!/usr/bin/busybox sh
# PID 1 of a system that may be good or bad: a bad one panics, a good one marks itself good; then what /var asks for, once.
# shellcheck shell=dash
PATH=/usr/bin:/usr/sbin
b=/usr/bin/busybox
[ -e /proc/self/mountinfo ] || $b mount -t proc proc /proc
[ -c /dev/null ] || $b mount -t devtmpfs devtmpfs /dev
$b grep -q ' /run ' /proc/self/mountinfo || $b mount -t tmpfs -o mode=755 tmpfs /run
# On the disk: under load QEMU's serial port loses characters.
tell() { $b sed "s/^/$1 /" | $b tee -a /var/vm-told; }
. /usr/lib/os-release
echo "$VERSION_ID" | tell booted
if [ -e /usr/share/vm-bad ]; then
    $b sync
    echo 1 > /proc/sys/kernel/sysrq
    echo c > /proc/sysrq-trigger
fi
yum-ostree-boot mark-good 2>&1 | tell said
if [ -e /var/vm-once ]; then
    $b mv /var/vm-once /run/vm-once
    $b sh /run/vm-once 2>&1 | tell said
fi
yum-ostree-boot status 2>&1 | tell status
yum-ostree-boot fsck-boot 2>&1 | tell fsck
echo off | tell end
$b sync
$b poweroff -f
