#!/bin/bash
# mkinitcpio.sh KVER: makes /initramfs.img with mkinitcpio from its source in /usr/src/mkinitcpio, on a Debian.
set -eu
library=/usr/lib/initcpio source=/usr/src/mkinitcpio
mkdir -p $library
cp -r $source/functions $source/init $source/init_functions $library/
cp -rn $source/hooks $source/install $library/
sed -i "s|@UDEVD_PATH@|/usr/lib/systemd/systemd-udevd|; s|@TMPFILES_PATH@||" $library/hooks/udev $library/install/udev
sed "s|@VERSION@|source|; s|@INITCPIO_LIBDIR@|$library|; s|@INITCPIO_SYSCONFDIR@|/etc/initcpio|; s|@SYSCONFDIR@|/etc|
    s|@BINDIR@|/usr/bin:/usr/sbin|" $source/mkinitcpio > /usr/bin/mkinitcpio
# Arch has one directory of programs, and a busybox without modprobe: Debian's is named by a function, see vm-machine.
cp -L /usr/sbin/blkid /usr/sbin/switch_root /usr/bin/
cp /bin/busybox $library/busybox
cat > $library/install/vm-machine << 'HOOK'
build() { add_runscript; }
HOOK
cat > $library/hooks/vm-machine << 'HOOK'
run_earlyhook() {
    modprobe() { /usr/bin/modprobe "$@"; }
}
HOOK
cat > /etc/mkinitcpio.conf << 'CONF'
MODULES=(virtio_pci virtio_blk ext4)
HOOKS=(base vm-machine ostree)
COMPRESSION=gzip
CONF
bash /usr/bin/mkinitcpio -k "$1" -g /initramfs.img
