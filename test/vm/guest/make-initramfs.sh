#!/bin/sh
# make-initramfs.sh STAGE MODULES OUT COMMAND [ARGUMENT...]: runs COMMAND, which makes /initramfs.img, in a root that is
# this machine's with the files of STAGE laid over it and MODULES as /usr/lib/modules. Nothing outside of OUT is written.
# $GENERATOR_ROOT: another root than this machine's.
set -eu
stage=$1 modules=$2 out=$3
shift 3
work=$(mktemp -d /var/tmp/vm-initramfs.XXXXXX)
export stage modules out work
status=0
unshare --mount --propagation private sh -eu -c '
    mount -t tmpfs tmpfs "$work"
    mkdir "$work/upper" "$work/work" "$work/root"
    cp -a "$stage/." "$work/upper/"
    mount -t overlay -o "lowerdir=${GENERATOR_ROOT:-/},upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
    for each in proc sys dev; do mkdir -p "$work/root/$each"; mount --rbind /$each "$work/root/$each"; done
    mkdir -p "$work/root/usr/lib/modules" "$work/root/run" "$work/root/var/tmp" "$work/root/tmp"
    mount --bind "$modules" "$work/root/usr/lib/modules"
    mount -t tmpfs tmpfs "$work/root/run"
    chroot "$work/root" env TMPDIR=/var/tmp "$@"
    cp "$work/root/initramfs.img" "$out"
' sh "$@" || status=$?
rmdir "$work"
exit $status
