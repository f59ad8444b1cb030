SUMMARY = "Makes an OSTree deployment the root, in the initramfs and without one"
DESCRIPTION = "One static program that needs no libraries, with its systemd units; takes the place of ostree-switchroot."
LICENSE = "Apache-2.0 & MIT & ISC"
LIC_FILES_CHKSUM = "file://LICENSE;md5=55a8748c7d5c7253f3e4bb7402ff04db"

SRC_URI = "file://yum-ostree-${PV}.tar.gz"
# Before Yocto 5.1 sources were unpacked in WORKDIR itself, which later ones refuse.
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}/yum-ostree-${PV}"

# The tarball is made with the program of the target's architecture (npm run dist -- --program FILE): it is static and
# needs no compiler here, only Node to put the files in their places.
DEPENDS = "nodejs-native"
inherit systemd features_check
REQUIRED_DISTRO_FEATURES = "usrmerge"

do_configure[noexec] = "1"

do_compile() {
    ${S}/packaging/build-boot
}

do_install() {
    node ${S}/scripts/install.mjs --destdir ${D} --prefix ${prefix} --parts programs,systemd
    install -d ${D}${datadir}/licenses/${BPN}
    install -m 0644 ${S}/LICENSE ${S}/docs/licences.md ${S}/dist/notices-compact.txt ${D}${datadir}/licenses/${BPN}
}

# Without a [Install] section: the generator links what is needed.
SYSTEMD_AUTO_ENABLE = "disable"

FILES:${PN} = "\
    ${bindir}/yum-ostree-boot \
    ${prefix}/lib/ostree \
    ${prefix}/lib/systemd/system \
    ${prefix}/lib/systemd/system-generators \
    ${prefix}/lib/tmpfiles.d \
    ${datadir}/licenses/${BPN} \
"
INSANE_SKIP:${PN} += "already-stripped"
RPROVIDES:${PN} = "ostree-switchroot"
RCONFLICTS:${PN} = "ostree-switchroot"
