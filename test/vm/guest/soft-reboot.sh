#!/usr/bin/busybox sh
# In version 1: goes on in version 2, which is deployed at index 0, by a soft reboot. In version 2: reports.
# shellcheck shell=dash
PATH=/usr/bin:/usr/sbin
b=/usr/bin/busybox
. /usr/lib/os-release
if [ "$VERSION_ID" = 1 ]; then
    echo kept > /var/kept
    echo kept > /run/kept
    ostree=$($b sed -n 's/.*vm\.ostree=\([^ ]*\).*/\1/p' /proc/cmdline)
    # The C one starts itself by its name.
    PATH=${ostree%/*}:$PATH "$ostree" admin prepare-soft-reboot 0 --reboot > /dev/console 2>&1 && exit
    echo '@@failed: not prepared' > /dev/console
    exec systemctl poweroff --force --force
fi
VM_FACTS="soft-reboots $(systemctl show -P SoftRebootsCount)
kept $($b cat /run/kept /var/kept | $b tr '\n' ' ')
left $($b ls /run/ostree /run/nextroot 2> /dev/null | $b tr '\n' ' ')" /usr/share/vm-report.sh
exec systemctl poweroff --force --force
