#!/bin/bash
# mkinitcpio-functions.sh KVER: makes /initramfs.img with our install hook and what mkinitcpio's manual page says that it
# may call (/functions.sh), a shell and an init that calls the run hook where mkinitcpio's would.
set -eu
# Read by the functions.
# shellcheck disable=SC2034
kernel=$1
export BUILDROOT=/image
# shellcheck source=/dev/null
. /functions.sh
for directory in proc sys dev run tmp new_root; do add_dir /$directory; done
add_file /bin/busybox /usr/bin/busybox
add_symlink /usr/bin/sh busybox
add_binary /usr/bin/kmod
add_symlink /usr/bin/modprobe kmod
# The kernel loads overlay by /sbin/modprobe.
add_symlink /sbin usr/bin
for module in virtio_pci virtio_blk ext4; do add_module $module; done
# shellcheck source=/dev/null
. /usr/lib/initcpio/install/ostree
build
depmod -b $BUILDROOT "$kernel"
add_file /mkinitcpio-init.sh /init 755
cd $BUILDROOT
find . | cpio --quiet -o -H newc | gzip -1 > /initramfs.img
