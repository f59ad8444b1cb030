#!/usr/bin/busybox sh
# Tells on the second serial port (else the console) what the booted system looks like: the harness reads it.
# shellcheck shell=dash
PATH=/usr/bin:/usr/sbin
out=/dev/ttyS1
if /usr/bin/busybox grep -q vm.report=console /proc/cmdline || ! { : > $out; } 2> /dev/null; then out=/dev/console; fi
exec > $out
b=/usr/bin/busybox
section() { echo "@@begin $1"; shift; "$@" 2>&1; echo; echo "@@end"; }
echo "@@report $($b uname -r)"
echo "@@fact uptime $($b cut -d' ' -f1 /proc/uptime)"
[ -e /run/vm-started ] && echo "@@fact started $($b cat /run/vm-started)"
[ -e /run/vm-times ] && echo "@@fact times $($b cat /run/vm-times)"
echo "@@fact init $($b cat /proc/1/comm)"
echo "@@fact os $(. /usr/lib/os-release; echo "$ID $VERSION_ID")"
[ -e /usr/share/vm-checked ] && echo "@@fact checked $($b cat /usr/share/vm-checked 2>&1)"
[ -x /usr/bin/systemctl ] && echo "@@fact multi-user $(systemctl is-active multi-user.target)"
# Microseconds since the kernel started, until the real root's systemd ran: what the kernel and the initramfs took.
[ -x /usr/bin/systemctl ] && echo "@@fact switched-root $(systemctl show -P UserspaceTimestampMonotonic)"
[ -x /usr/bin/systemctl ] && echo "@@fact failed-units $(systemctl --failed --plain --no-legend | $b cut -d' ' -f1 | $b tr '\n' ' ')"
# What the caller found out: lines of a name and a value.
[ -n "${VM_FACTS:-}" ] && echo "$VM_FACTS" | $b sed 's/^/@@fact /'
section mountinfo $b cat /proc/self/mountinfo
section run $b find /run -maxdepth 3 -path '/run/ostree*'
if [ -e /run/ostree-booted ]; then
    echo "@@fact booted-mode $($b stat -c %a /run/ostree-booted)"
    section booted $b hexdump -v -e '1/1 "%02x"' /run/ostree-booted
fi
for directory in / /usr /etc /var /boot /sysroot /sysroot/ostree/repo; do
    file=${directory%/}/vm-write-test
    if ( : > $file ) 2> /dev/null; then
        echo "@@write $directory ok"
        $b rm -f $file
    else
        echo "@@write $directory denied"
    fi
done
echo "@@done"
$b sync
