#!/bin/sh
# dracut hook for an initramfs without systemd, before the physical root is mounted.

# dracut takes only a file system with proc, sys and dev for a root; the physical root of an OSTree system has ostree.
if getarg ostree= > /dev/null || getarg androidboot.slot_suffix= > /dev/null; then
    usable_root() {
        [ -d "$1/ostree" ]
    }
fi
