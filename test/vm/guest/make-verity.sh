# Sourced by mini-init.sh in place of a boot: /sysroot is an ext4 with fs-verity, /sysroot/tree a system. The newest
# C ostree commits and deploys it under a kernel with fs-verity, which gives every object and the image their digests.
# shellcheck shell=sh
b=/bin/busybox
export HOME=/tmp OSTREE_REPO=/sysroot/ostree/repo PATH=/usr/bin
make_verity() {
    set -e
    ostree admin init-fs --modern /sysroot
    ostree config set sysroot.bootloader none
    ostree config set ex-integrity.composefs true
    ostree config set ex-integrity.fsverity true
    ostree admin os-init --sysroot=/sysroot small
    ostree commit --branch=vm/small --tree=dir=/sysroot/tree --generate-composefs-metadata
    $b xargs ostree admin deploy --sysroot=/sysroot --os=small --karg-none vm/small < /kernel-arguments
    $b rm -rf /sysroot/tree
    # A kernel without fs-verity does not open the objects: what is to be signed is taken out.
    $b mkdir /sysroot/to-sign
    for commit in "$OSTREE_REPO"/objects/*/*.commit; do
        directory=${commit%/*}
        $b cp "$commit" "/sysroot/to-sign/${directory##*/}${commit##*/}"
    done
    fsverity measure /sysroot/ostree/deploy/small/deploy/*/.ostree.cfs
    $b umount /sysroot
    echo "@@made"
}
make_verity
$b sync
$b poweroff -f
$b sleep 60
