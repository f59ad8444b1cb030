#!/bin/sh
# dracut hook for an initramfs without systemd: the physical root is mounted at $NEWROOT, and is switched to next.
# shellcheck disable=SC2154

if getarg ostree= > /dev/null || getarg androidboot.slot_suffix= > /dev/null; then
    # Nothing else loads it, where a composefs image needs one.
    [ -e /dev/loop-control ] || modprobe -q loop || :
    /usr/lib/ostree/ostree-prepare-root "$NEWROOT" || die "ostree-prepare-root failed"
fi
