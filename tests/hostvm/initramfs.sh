# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the host VM finds in its root: the base (busybox, init), programs with
# their libraries, and the files of one case.  The kernel unpacks archives
# that follow each other in one initrd, so each is built and cached by itself.
# Sourced after scripts/common.sh.

HOSTVM=$TOP/tests/hostvm
INITRAMFS_CACHE=$OUT/hostvm

# make_cpio DIRECTORY FILE: everything in it, owned by root.
make_cpio() {
    (cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
        cpio -o -H newc -R 0:0 --quiet --reproducible) >"$2"
}

# publish_cpio DIRECTORY FILE: for the cache; a reader never sees half a file.
publish_cpio() {
    make_cpio "$1" "$2.$$"
    mv "$2.$$" "$2"
}

# Archives nobody asked for in two days were made of programs built since.
prune_cpios() {
    find "$INITRAMFS_CACHE" -maxdepth 1 -name '*.cpio*' -mtime +1 -delete
}

# base_cpio: prints the name of the archive with busybox, init and what
# scripts of the VM share.
base_cpio() {
    local busybox file root applet
    busybox=$(command -v busybox) ||
        die "busybox is missing; 'scripts/packages hostvm' installs it"
    if ldd "$busybox" >/dev/null 2>&1; then
        die "$busybox needs shared libraries, wanted the static one of package busybox-static"
    fi
    mkdir -p "$INITRAMFS_CACHE"
    file=$INITRAMFS_CACHE/base-$(cat "$busybox" "$HOSTVM/init" \
        "$HOSTVM/bind-vfio" "$HOSTVM"/guest-{console,agent,agent-init} \
        "$HOSTVM/kernel-complaints" "$HOSTVM/initramfs.sh" |
        key).cpio
    if [ ! -e "$file" ]; then
        root=$(mktemp -d)
        mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc,root,run}
        cp "$busybox" "$root/bin/busybox"
        for applet in $("$busybox" --list); do
            [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
        done
        ln -s bin "$root/sbin"
        cp "$HOSTVM/init" "$root/init"
        cp "$HOSTVM/bind-vfio" "$HOSTVM"/guest-{console,agent,agent-init} \
            "$root/bin/"
        chmod 755 "$root/init" "$root/bin/bind-vfio"
        grep -v '^#' "$HOSTVM/kernel-complaints" >"$root/etc/kernel-complaints"
        echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
        publish_cpio "$root" "$file"
        rm -rf "$root"
    fi
    touch "$file"
    echo "$file"
}

# put SOURCE ROOT DESTINATION: a copy of what a link points to, a file or a
# directory.
put() {
    mkdir -p "$2/$(dirname "$3")"
    cp -rL "$1" "$2/$3"
}

# The shared objects, and the interpreter, that a program asks for.
libraries_of() {
    local list
    list=$(ldd "$1" 2>/dev/null) || return 0
    if grep -q 'not found' <<<"$list"; then
        die "$1 misses a library: $(grep 'not found' <<<"$list" | head -n 1)"
    fi
    grep -o '/[^ ]*' <<<"$list" || :
}

# QEMU looks for its blobs in ../share/qemu, as seen from where it is.
put_firmware() {
    local blob dir dirs
    IFS=: read -r -a dirs <<<"$FIRMWARE"
    for blob in bios-256k.bin linuxboot_dma.bin pvh.bin kvmvapic.bin; do
        for dir in "${dirs[@]}"; do
            [ -e "$dir/$blob" ] || continue
            put "$dir/$blob" "$1" "share/qemu/$blob"
            continue 2
        done
        die "no $blob in FIRMWARE ($FIRMWARE)"
    done
}

# programs_cpio PROGRAM...: prints the name of the archive that holds each in
# /bin, its libraries where the linker found them, and QEMU's firmware.
programs_cpio() {
    local program library file root libraries=()
    for program; do
        [ -x "$program" ] || die "no program $program"
        while read -r library; do
            libraries+=("$library")
        done < <(libraries_of "$program")
    done
    file=$INITRAMFS_CACHE/programs-$( {
        sha256sum "$@" "${libraries[@]}" "$HOSTVM/initramfs.sh"
        echo "$FIRMWARE"
    } | key).cpio
    if [ ! -e "$file" ]; then
        root=$(mktemp -d)
        for program; do
            put "$program" "$root" "bin/$(basename "$program")"
            strip -g "$root/bin/$(basename "$program")" 2>/dev/null || :
            case $program in
            */qemu-system-*) put_firmware "$root" ;;
            esac
        done
        for library in "${libraries[@]}"; do
            put "$library" "$root" "$library"
        done
        publish_cpio "$root" "$file"
        rm -rf "$root"
        prune_cpios
    fi
    touch "$file"
    echo "$file"
}
