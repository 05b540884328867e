# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# TAP for the tests of our scripts.  Sourced; $work is a scratch directory with
# a checkout of its own, $work/top, whose cache and output are apart too.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

export NVTD_CACHE=$work/cache NVTD_OUT=$work/out
unset QEMU_SRC SANITIZE OUT CACHE QEMU QEMU_BUILD HOST_KERNEL FIRMWARE

# check NAME COMMAND...: one case, passed if the command succeeds.
check() {
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/check.log" 2>&1; then
        echo "ok $count $name"
    else
        echo "not ok $count $name"
        sed 's/^/# /' "$work/check.log" "$work/err" 2>/dev/null || :
    fi
}

skip() {  # NAME REASON
    count=$((count + 1))
    echo "ok $count $1 # SKIP $2"
}

finish() { echo "1..$count"; }

# try COMMAND...: its output in $work/out.txt and $work/err, its status in $status.
try() {
    status=0
    "$@" >"$work/out.txt" 2>"$work/err" </dev/null || status=$?
}

said() { grep -qF -- "$1" "$work/err"; }
failed() { [ "$status" -ne 0 ]; }
succeeded() { [ "$status" -eq 0 ]; }

# A checkout with our scripts and an empty overlay.
make_checkout() {
    mkdir -p "$work/top/bases/10.0"
    cp -r "$TOP/scripts" "$work/top/"
}

# As much of a QEMU source as the scripts look at.
make_base() {  # DIRECTORY VERSION
    mkdir -p "$1/hw/i386" "$1/subprojects/keycodemapdb"
    echo "$2" >"$1/VERSION"
    : >"$1/configure"
    printf '%s\n' 'int one(void)' '{' '    return 1;' '}' >"$1/hw/i386/unit.c"
    printf '%s\n' 'int two(void)' '{' '    return 2;' '}' >"$1/hw/i386/other.c"
}
