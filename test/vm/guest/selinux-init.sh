#!/usr/bin/busybox sh
# PID 1 under a kernel with SELinux: loads the policy, as systemd does, and lets ostree-remount label what the initramfs
# wrote; tells which files have other labels than those that matchpathcon knows, before and after.
# shellcheck shell=dash
PATH=/usr/bin:/usr/sbin
b=/usr/bin/busybox
[ -e /proc/self/mountinfo ] || $b mount -t proc proc /proc
[ -d /sys/fs ] || $b mount -t sysfs sysfs /sys
[ -c /dev/null ] || $b mount -t devtmpfs devtmpfs /dev
$b mount -t selinuxfs selinuxfs /sys/fs/selinux
load_policy
# As systemd does.
restorecon -R /run
# Of files that are there: a line for each whose label is another.
wrong() { $b find "$@" -xdev | $b xargs matchpathcon -V 2>&1 | $b grep -v ' verified\.$'; }
wrong /etc > /run/before
# The rest is not written for a policy that forbids.
echo 1 > /sys/fs/selinux/enforce
/usr/lib/ostree/ostree-remount > /run/remounted 2>&1
remounted=$?
enforced=$($b cat /sys/fs/selinux/enforce)
echo 0 > /sys/fs/selinux/enforce
wrong /etc > /run/after
denied=$($b dmesg | $b grep 'avc: *denied' | $b grep relabel-etc | $b tr '\n' '|')
VM_FACTS="denied $denied
enforced $enforced
said $($b tr '\n' '|' < /run/remounted)
remounted $remounted
checked $($b find /etc /usr -xdev | $b wc -l)
etc-before $($b tr '\n' '|' < /run/before)
etc-after $($b tr '\n' '|' < /run/after)
usr $(wrong /usr | $b tr '\n' '|')" /usr/share/vm-report.sh
$b poweroff -f
