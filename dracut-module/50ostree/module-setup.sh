#!/bin/sh
# dracut module: puts ostree-prepare-root, its configuration, its drivers and its unit (or hook) into the initramfs.
# dracut sources this file and provides moddir, initdir, systemdsystemunitdir and the inst_* functions.
# In dracut.conf, ostree_program=/usr/bin/yum-ostree takes that executable as ostree-prepare-root, with its libraries.
# shellcheck disable=SC2154

prepare_root=/usr/lib/ostree/ostree-prepare-root
list_files=/usr/lib/ostree/ostree-initramfs-files
unit=ostree-prepare-root.service

# 255: only where it is asked for (dracut.conf: add_dracutmodules+=" ostree ").
check() {
    [ -x "${dracutsysrootdir:-}${ostree_program:-$prepare_root}" ] || return 1
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
    # An image without it is worse than none.
    inst_binary "${ostree_program:-$prepare_root}" "$prepare_root" || {
        dfatal "ostree: ${ostree_program:-$prepare_root} cannot be put into the image"
        exit 1
    }
    sh "${dracutsysrootdir:-}$list_files" "${dracutsysrootdir:-}" | while read -r file; do
        inst_simple "$file"
    done
    if dracut_module_included systemd; then
        install_unit
    else
        inst_hook pre-mount 10 "$moddir/usable-root.sh"
        inst_hook pre-pivot 10 "$moddir/prepare-root.sh"
    fi
}

# The directory of the units, not that of the settings: it is the one that both generations of dracut let systemd read.
install_unit() {
    wants="$systemdsystemunitdir/initrd-root-fs.target.wants"
    inst_simple "$systemdsystemunitdir/$unit"
    mkdir -p "$initdir$wants"
    ln -sf "../$unit" "$initdir$wants/$unit"
}
