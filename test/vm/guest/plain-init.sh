#!/usr/bin/busybox sh
# PID 1 of the small real root: what a real one does first, then the report, then power off.
# shellcheck shell=dash
b=/usr/bin/busybox
started=$($b cut -d' ' -f1 /proc/uptime 2> /dev/null)
[ -e /proc/self/mountinfo ] || $b mount -t proc proc /proc
[ -c /dev/null ] || $b mount -t devtmpfs devtmpfs /dev
$b grep -q ' /run ' /proc/self/mountinfo || $b mount -t tmpfs -o mode=755 tmpfs /run
echo "${started:-$($b cut -d' ' -f1 /proc/uptime)}" > /run/vm-started
echo "@@real-root"
/usr/share/vm-report.sh
$b poweroff -f
