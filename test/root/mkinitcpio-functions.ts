/**
 * What an install hook of mkinitcpio calls, for bash, written from its manual page mkinitcpio(8): files go to $BUILDROOT.
 * A module that ends in '?' may be missing; $modules_without names one that the kernel has not.
 */
export const MKINITCPIO_FUNCTIONS = `
mkdir -p "$BUILDROOT/usr/bin" "$BUILDROOT/usr/lib" "$BUILDROOT/usr/lib64"
for name in bin lib lib64; do ln -s "usr/$name" "$BUILDROOT/$name"; done
add_dir() { mkdir -p "$BUILDROOT$1"; }
add_file() {
  [ -f "$1" ] || { echo "file not found: $1" >&2; exit 1; }
  install -D -m "\${3:-$(stat -Lc %a "$1")}" "$1" "$BUILDROOT\${2:-$1}"
}
add_symlink() {
  add_dir "$(dirname "$1")"
  ln -sfn "$2" "$BUILDROOT$1"
}
add_binary() {
  add_file "$@"
  local library
  for library in $(ldd "$1" 2> /dev/null | grep -o '/[^ ]*'); do
    add_file "$library"
  done
}
add_module() {
  local line
  if [ "\${1%\\?}" = "\${modules_without:-}" ]; then
    [ "\${1%\\?}" != "$1" ] || { echo "module not found: $1" >&2; exit 1; }
    return 0
  fi
  modprobe -S "$kernel" --show-depends "\${1%\\?}" | while read -r _ line _; do
    if [ -f "$line" ]; then add_file "$line" "/usr\${line#/usr}"; fi
  done
}
add_runscript() {
  add_file "/usr/lib/initcpio/hooks/$(basename "\${BASH_SOURCE[1]}")" "/hooks/$(basename "\${BASH_SOURCE[1]}")"
}
`;
