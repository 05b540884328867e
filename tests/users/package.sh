# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The Debian package: what is in it, that it installs beside Debian's own, and
# that what was installed runs.

. "$(dirname "$0")/built.sh"

try "$TOP/scripts/deb"
check "a package is made" succeeded
deb=$(tail -n 1 "$work/out.txt")

field() { dpkg-deb -f "$deb" "$1"; }
contains() { dpkg-deb -c "$deb" | awk '{ print $6 }' | grep -qxF -- "./$1"; }

check "it depends on the firmware's packages" grep -q 'seabios, qemu-system-data' <<<"$(field Depends)"
check "and on the libraries that QEMU needs" grep -q 'libglib2.0-0.* (>= ' <<<"$(field Depends)"
for file in usr/bin/qemu-system-x86_64-nested usr/bin/nested-vtd-check \
    usr/bin/nested-vtd-graph usr/share/man/man1/nested-vtd-check.1.gz \
    usr/share/man/man1/qemu-system-x86_64-nested.1.gz \
    usr/share/doc/qemu-system-x86-nested/examples/nested.xml; do
    check "it has $file" contains "$file"
done
taken() {
    dpkg-deb -c "$deb" | awk '$1 ~ /^-/ { print substr($6, 2) }' |
        xargs dpkg -S 2>/dev/null | grep -v '^qemu-system-x86-nested:' || :
}
check "no other installed package has a file of it" test -z "$(taken)"
check "it has not Debian's name of the emulator" \
    test -z "$(dpkg-deb -c "$deb" | grep -E 'bin/qemu-system-x86_64$')"

if command -v lintian >/dev/null; then
    try lintian --allow-root --fail-on error "$deb"
    check "lintian finds no error" succeeded
    sed 's/^/# /' "$work/out.txt"
else
    skip "lintian finds no error" "lintian is not installed"
fi

# Into a system of its own: dpkg's database there knows no other package.
root=$work/system
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
touch "$root/var/lib/dpkg/status"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(fakeroot)
try "${as_root[@]}" dpkg --root="$root" --force-depends --log=/dev/null -i "$deb"
check "dpkg installs it" succeeded
check "and says so" grep -q '^Status: install ok installed' \
    <(dpkg --admindir="$root/var/lib/dpkg" -s qemu-system-x86-nested)
check "each file is as it was packed" env -C "$root" md5sum --quiet -c \
    "$root/var/lib/dpkg/info/qemu-system-x86-nested.md5sums"

# SeaBIOS speaks on port 0x402: found where Debian has it.
start_bios() {
    timeout 20 "$root/usr/bin/qemu-system-x86_64-nested" -M q35 -accel tcg -m 64M \
        -nodefaults -display none -no-user-config \
        -object iommufd,id=iommufd0 -device intel-iommu,nested=on \
        -chardev "file,id=bios,path=$work/bios" -device isa-debugcon,iobase=0x402,chardev=bios \
        -qmp "unix:$work/qmp,server=on,wait=off" 2>"$work/qemu.err" &
    qemu=$!
    for _ in $(seq 150); do
        ! grep -q 'No bootable device' "$work/bios" 2>/dev/null || break
        sleep 0.1
    done
}
start_bios
check "the installed QEMU starts the packaged firmware" grep -q '^SeaBIOS (version' "$work/bios"
check "which finds the machine" grep -q 'No bootable device' "$work/bios"
try "$root/usr/bin/nested-vtd-graph" "$work/qmp"
check "the installed tool asks it" grep -q '^digraph nested' "$work/out.txt"
kill "$qemu"
wait "$qemu" 2>/dev/null || :
try "$root/usr/bin/nested-vtd-check" --json
check "the installed nested-vtd-check runs" python3 -m json.tool "$work/out.txt"

try "${as_root[@]}" dpkg --root="$root" --log=/dev/null -r qemu-system-x86-nested
check "dpkg removes it" succeeded
check "and all its files" test -z "$(find "$root/usr" -type f 2>/dev/null)"

if git -C "$TOP" rev-parse HEAD >/dev/null 2>&1; then
    try "$TOP/scripts/dist"
    check "the tarball has each file of the commit" diff \
        <(tar -tzf "$(tail -n 1 "$work/out.txt")" | sed -n 's|^[^/]*/\(.*[^/]\)$|\1|p' | sort) \
        <(git -C "$TOP" ls-tree -r --name-only HEAD | sort)
else
    skip "the tarball has each file of the commit" "this is no git checkout"
fi
finish
