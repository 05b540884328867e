# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The cache: entries of builds that died, two builds at once, an archive that
# is out of reach.  The archive is a stand-in that gives one tiny package.

. "$(dirname "$0")/tap.sh"

make_checkout
make_base "$work/qemu" 10.0.99

cat >"$work/top/scripts/apt-private" <<'END'
#!/bin/bash
echo "${APT_SUITES-}" >>"$FAKE/apt-suites"
case $1 in
update) [ ! -e "$FAKE/offline" ] ;;
versions) printf '%s\n' 1:10.0.2-1 1:10.0.99-1~bpo12+1 1:10.0.99-1 1:11.0.0-1 ;;
source) echo "$2" >>"$FAKE/fetched"; sleep 1; touch qemu_10.0.99-1.dsc ;;
esac
END
mkdir "$work/bin"
cat >"$work/bin/dpkg-source" <<'END'
#!/bin/bash
cp -r "$FAKE/qemu" src
END
chmod +x "$work/bin/dpkg-source"
export FAKE=$work PATH=$work/bin:$PATH

base() { try "$work/top/scripts/qemu-base"; }
fetches() { [ "$(wc -l <"$work/fetched")" = "$1" ]; }
entry=$NVTD_CACHE/qemu-base-10.0.99-1

touch "$work/offline"
base
check "with no archive and no cache, an error" said "out of reach and no QEMU source is cached"
rm "$work/offline"

base
check "the source is fetched" succeeded
check "the newest of the series, no backport" grep -qx qemu=1:10.0.99-1 "$work/fetched"
check "its directory is printed" grep -qx "$entry/src" "$work/out.txt"
base
check "a second run takes it from the cache" fetches 1

rm "$entry/complete" "$entry/src/VERSION"
base
check "an incomplete entry is noticed" said "is incomplete, starting over"
check "and fetched again" test -e "$entry/src/VERSION"

rm -rf "$NVTD_CACHE" "$work/fetched"
"$work/top/scripts/qemu-base" >"$work/first" 2>&1 &
sleep 0.3
base
wait
check "two at once: both succeed" cmp "$work/out.txt" <(tail -n 1 "$work/first")
check "two at once: one fetches" fetches 1

check "the base's source is where all else is" test -z "$(tr -d '\n' <"$work/apt-suites")"
mkdir -p "$work/top/bases/11.0"
echo sid >"$work/top/bases/11.0/suites"
BASE=11.0 base
check "another base has suites of its own" test "$(tail -n 1 "$work/apt-suites")" = sid

touch "$work/offline"
base
check "with no archive, the cache is used" grep -qx "$entry/src" "$work/out.txt"
finish
