#!/bin/sh
# dracut module: puts ostree-prepare-root, its configuration and its unit (or hook) into the initramfs.
# dracut sources this file and provides moddir, initdir, systemdsystemunitdir and the inst_* functions.
# shellcheck disable=SC2154

prepare_root=/usr/lib/ostree/ostree-prepare-root
unit=ostree-prepare-root.service

# 255: only where it is asked for (dracut.conf: add_dracutmodules+=" ostree ").
check() {
    [ -x "${dracutsysrootdir:-}$prepare_root" ] || return 1
    return 255
}

depends() {
    echo base
}

# For a hotfix and for a transient /etc.
installkernel() {
    hostonly='' instmods overlay
}

install() {
    inst_binary "$prepare_root"
    for file in /usr/lib/ostree/prepare-root.conf /etc/ostree/prepare-root.conf; do
        if [ -e "${dracutsysrootdir:-}$file" ]; then
            inst_simple "$file"
        fi
    done
    if dracut_module_included systemd; then
        install_unit
    else
        inst_hook pre-pivot 50 "$moddir/prepare-root.sh"
    fi
}

install_unit() {
    wants="$systemdsystemunitdir/initrd-root-fs.target.wants"
    inst_simple "$systemdsystemunitdir/$unit"
    mkdir -p "$initdir$wants"
    ln -sf "../$unit" "$initdir$wants/$unit"
}
