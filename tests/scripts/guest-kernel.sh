# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Guest kernels: which package is taken, what is kept of it, an entry that is
# incomplete, an archive that is out of reach.  The archive is a stand-in whose
# packages hold a module that depends on another.

. "$(dirname "$0")/tap.sh"

make_checkout
mkdir -p "$work/top/tests" "$work/debs"
cp -r "$TOP/tests/hostvm" "$work/top/tests/"

# make_deb PACKAGE VERSION: of $work/tree
make_deb() {
    mkdir -p "$work/tree/DEBIAN"
    printf '%s\n' "Package: $1" "Version: $2" "Architecture: amd64" \
        "Maintainer: nobody <nobody@localhost>" "Description: $1" \
        >"$work/tree/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$work/tree" "$work/debs/$1_$2.deb" >/dev/null
    rm -rf "$work/tree"
}

# make_module FILE NAME [SYMBOL IT NEEDS [MODULE IT ASKS FOR]]: with a symbol of
# its own, NAME_call.
make_module() {
    local source=$work/module.c
    {
        echo "__attribute__((section(\".modinfo\"), used))"
        echo "static const char license[] = \"license=GPL\";"
        [ -z "${3-}" ] || echo "int $3(void);"
        [ -z "${4-}" ] || printf '%s\n' "__attribute__((section(\".modinfo\"), used))" \
            "static const char softdep[] = \"softdep=pre: $4\";"
        echo "int ${2}_call(void) { return ${3:+$3() +} 1; }"
        echo "__attribute__((section(\"__ksymtab_strings\"), used))"
        echo "static const char name[] = \"${2}_call\";"
    } >"$source"
    mkdir -p "$(dirname "$1")"
    gcc -c -fno-pic -o "${1%.xz}" "$source"
    case $1 in *.xz) xz "${1%.xz}" ;; esac
}

# What a kernel's packages hold: $1 its name, $2 the directory below the root.
make_modules() {
    local drivers=$work/tree/$2/lib/modules/$1/kernel/drivers/nvme
    make_module "$drivers/host/nvme.ko.xz" nvme core_call nvme-core
    make_module "$drivers/host/nvme-core.ko.xz" core
    make_module "$drivers/target/nvmet.ko.xz" nvmet core_call
    drivers=$work/tree/$2/lib/modules/$1/kernel/drivers/net
    make_module "$drivers/virtio_pci.ko.xz" virtio_pci
    make_module "$drivers/net_failover.ko.xz" failover
    make_module "$drivers/virtio_net.ko.xz" virtio_net failover_call
    make_module "$drivers/e1000e.ko.xz" e1000e
}

make_modules 6.12.9+deb13-amd64 usr
mkdir -p "$work/tree/boot"
echo image-9 >"$work/tree/boot/vmlinuz-6.12.9+deb13-amd64"
make_deb linux-image-6.12.9+deb13-amd64 6.12.9-1
make_modules 6.12.10+deb13-amd64 ""
mkdir -p "$work/tree/boot"
echo image-10 >"$work/tree/boot/vmlinuz-6.12.10+deb13-amd64"
make_deb linux-image-6.12.10+deb13-amd64 6.12.10-1
make_modules 7.3.4+deb13-amd64 usr
make_deb linux-modules-7.3.4+deb13-amd64 7.3.4-1
mkdir -p "$work/tree/usr/lib/modules/7.3.4+deb13-amd64"
echo image-7 >"$work/tree/usr/lib/modules/7.3.4+deb13-amd64/vmlinuz"
make_deb linux-binary-7.3.4+deb13-amd64 7.3.4-1

cat >"$work/top/scripts/apt-private" <<'END'
#!/bin/bash
case $1 in
update) [ ! -e "$FAKE/offline" ] ;;
search) ls "$FAKE/debs" | sed 's/_.*//' | grep -E "$2" ;;
binaries) ls "$FAKE/debs" | grep -F "$2_" | sed 's/.*_//; s/\.deb$//' ;;
download) echo "$2" >>"$FAKE/fetched"; cp "$FAKE/debs/${2%%=*}_${2#*=}.deb" . ;;
esac
END
export FAKE=$work

guest() { try "$work/top/scripts/guest-kernel" "$@"; dir=$(cat "$work/out.txt"); }
modules() { cpio -it --quiet <"$dir/${1-modules}.cpio" | xargs; }
fetches() { [ "$(wc -l <"$work/fetched")" = "$1" ]; }
elf() { cmp <(head -c 4 "$work/01-nvme-core.ko") <(printf '\177ELF'); }

guest sarge
check "an unknown kernel is refused, with those that there are" said "there are: bookworm trixie backports"
touch "$work/offline"
guest trixie
check "with no archive and no cache, an error" said "no guest kernel 'trixie' is cached"
rm "$work/offline"

guest trixie
check "a kernel is fetched" succeeded
check "the newest of the series, by version" grep -qx image-10 "$dir/vmlinuz"
check "it says which" grep -qx 6.12.10+deb13-amd64 "$dir/version"
check "NVMe's modules, in order, and no other" \
    test "$(modules)" = "modules modules/01-nvme-core.ko modules/02-nvme.ko"
check "those of network devices apart, after them" \
    test "$(modules net)" = "modules modules/51-virtio_pci.ko modules/52-net_failover.ko modules/53-virtio_net.ko modules/54-e1000e.ko"
cpio -i --quiet --to-stdout '*core.ko' <"$dir/modules.cpio" >"$work/01-nvme-core.ko"
check "they are decompressed" elf
guest trixie
check "a second run takes it from the cache" fetches 1

rm "$dir/complete" "$dir/vmlinuz"
guest trixie
check "an incomplete entry is noticed" said "is incomplete, starting over"
check "and fetched again" test -e "$dir/vmlinuz"

guest backports
check "a kernel in two packages" grep -qx image-7 "$dir/vmlinuz"
check "with the modules of the other" \
    test "$(modules)" = "modules modules/01-nvme-core.ko modules/02-nvme.ko"

guest bookworm
check "an archive without such a kernel" said "no package for the guest kernel 'bookworm'"

touch "$work/offline"
guest trixie
check "with no archive, the cache is used" grep -qx image-10 "$dir/vmlinuz"
finish
