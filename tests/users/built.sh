# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# TAP for tests of what the build made: $built_QEMU, $built_OUT and so on are
# those of "make where".  tap.sh forgets them, for tests that build their own.

# Debian's users have no sbin in their PATH, where libvirtd is and dpkg looks.
PATH=$PATH:/usr/sbin:/sbin

while IFS='=' read -r name value; do
    declare "built_$name=${!name:-$value}"
done < <(make -s -C "$(dirname "${BASH_SOURCE[0]}")/../.." where)

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/tap.sh"
# shellcheck disable=SC2154 # declared above
export NVTD_OUT=$built_OUT NVTD_CACHE=$built_CACHE
