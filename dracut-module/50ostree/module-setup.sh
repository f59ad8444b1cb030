#!/bin/sh
# dracut module: puts ostree-prepare-root, its configuration, its drivers and its unit (or hook) into the initramfs.
# dracut sources this file and provides moddir, initdir, systemdsystemunitdir and the inst_* functions.
# In dracut.conf, ostree_program=/usr/bin/yum-ostree takes that executable as ostree-prepare-root, with its libraries.
# shellcheck disable=SC2154

prepare_root=/usr/lib/ostree/ostree-prepare-root
list_files=/usr/lib/ostree/ostree-initramfs-files
unit=ostree-prepare-root.service

# 255: only where it is asked for (dracut.conf: add_dracutmodules+=" ostree "). Where the program is missing, too: dracut
# would leave the module out and make an image that does not boot.
check() {
    return 255
}

depends() {
    echo base
}

# For composefs, a hotfix and a transient /etc: whether or not this machine uses them now.
installkernel() {
    hostonly='' instmods erofs overlay loop
}

install() {
    # strip(1), which dracut runs over everything that is executable, breaks a program that carries its code as a note.
    # shellcheck disable=SC2034
    [ -z "${ostree_program:-}" ] || do_strip=no
    install_program "${ostree_program:-$prepare_root}"
    settings=$(sh "${dracutsysrootdir:-}$list_files" "${dracutsysrootdir:-}") || no_image "$list_files fails"
    while read -r file; do
        [ -z "$file" ] || inst_simple "$file" || no_image "$file cannot be copied"
    done << FILES
$settings
FILES
    if dracut_module_included systemd; then
        install_unit
    else
        inst_hook pre-mount 10 "$moddir/usable-root.sh"
        inst_hook pre-pivot 10 "$moddir/prepare-root.sh"
    fi
}

install_program() {
    if [ ! -f "${dracutsysrootdir:-}$1" ] || [ ! -x "${dracutsysrootdir:-}$1" ]; then
        no_image "$1 (ostree_program in dracut.conf) is missing, or is not a program"
    fi
    # dracut 059 passes over a library that is missing.
    if [ -z "${dracutsysrootdir:-}" ] && ldd "$1" 2> /dev/null | grep 'not found' >&2; then
        no_image "$1 cannot run: a library is missing"
    fi
    inst_binary "$1" "$prepare_root" || no_image "$1 or its libraries cannot be copied"
}

# An image without what it boots with is worse than none.
no_image() {
    dfatal "ostree: no image is made: $1"
    exit 1
}

# The directory of the units, not that of the settings: it is the one that both generations of dracut let systemd read.
install_unit() {
    wants="$systemdsystemunitdir/initrd-root-fs.target.wants"
    inst_simple "$systemdsystemunitdir/$unit" || no_image "$unit is missing"
    mkdir -p "$initdir$wants"
    ln -sf "../$unit" "$initdir$wants/$unit"
}
