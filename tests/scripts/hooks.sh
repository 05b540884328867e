# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Each line of a base's series is in the function of QEMU that it is meant for.

out=${NVTD_OUT-} cache=${NVTD_CACHE-}
. "$(dirname "$0")/tap.sh"

# What was really built
export NVTD_OUT=${out:-$TOP/build}
if [ -n "$cache" ]; then export NVTD_CACHE=$cache; else unset NVTD_CACHE; fi

for base in "$TOP"/bases/*/; do
    base=$(basename "$base")
    root=$(BASE=$base "$TOP/scripts/where" | sed -n 's/^QEMU_ROOT=//p')
    if [ ! -e "$root/src/VERSION" ]; then
        skip "$base: each hook is in its function" "make BASE=$base qemu was not run"
        continue
    fi
    BASE=$base "$TOP/scripts/hooks" >"$work/hooks"
    try diff "$TOP/bases/$base/hooks" "$work/hooks"
    check "$base: each hook is in its function" succeeded
    check "$base: there are hooks" test -s "$work/hooks"
done
finish
