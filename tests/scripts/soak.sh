# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# What make soak counts, with a runner that does as it is told: no VM is booted.

. "$(dirname "$0")/tap.sh"

make_checkout
mkdir -p "$work/top/tests"
cp -r "$TOP/tests/hostvm" "$work/top/tests/"
: >"$work/kernel"
export HOST_KERNEL=$work/kernel QEMU=$work/qemu FIRMWARE=$work

# It does what it is asked for, but for VM number $BAD: that ends with $STATUS,
# and in a soak of guests or reboots once one of them was done.
cat >"$work/top/tests/hostvm/run" <<'END'
#!/bin/bash
while [ "$1" != -- ]; do
    case $1 in
    --report) report=$2 ;;
    --keep) keep=$2 ;;
    esac
    shift
done
echo x >>"$VMS"
bad=0
[ "$(wc -l <"$VMS")" != "$BAD" ] || bad=1
case $2 in
soak-host)
    kind=guest count=$3
    [ "$4" = 0 ] || kind=reboot count=$4
    [ $bad = 0 ] || count=1
    [ $kind = guest ] || echo start ok >>"$report"
    for ((n = 0; n < count; n++)); do
        echo $kind ok >>"$report"
    done
    ;;
*) [ $bad = 1 ] || echo boot ok >>"$report" ;;
esac
mkdir -p "$keep"
[ $bad = 0 ] || { echo "it was told so" >"$keep/verdict"; exit "$STATUS"; }
END
chmod +x "$work/top/tests/hostvm/run"

soak() {  # BAD STATUS [ASSIGNMENT]...
    local bad=$1 code=$2
    shift 2
    rm -f "$work/vms"
    try env VMS="$work/vms" BAD="$bad" STATUS="$code" SOAK_BOOTS=3 SOAK_GUESTS=7 \
        SOAK_REBOOTS=6 "$@" "$work/top/scripts/soak"
}

counted() {  # WHAT DID WANTED HELPED
    grep -qE "^ +$1 +$2 of $3 +$4 had to be helped$" "$work/out.txt"
}

soak 0 0
check "a soak without a stall succeeds" succeeded
check "it booted as often as asked" counted "boots of the host VM" 3 3 0
check "it ran as many guests as asked" counted "nested guests with I/O" 7 7 0
check "it rebooted as often as asked" counted "reboots of a nested guest" 6 6 0

soak 2 72
check "a host VM that does not boot fails it" failed
check "that is counted as a boot" counted "boots of the host VM" 2 3 1
check "it stood still" grep -q '0 panicked, 1 stood still, 0 failed otherwise' "$work/out.txt"
check "its log stays" test -e "$work/out/soak/boot-2/verdict"
check "that of the others does not" test ! -e "$work/out/soak/boot-1"

soak 4 71
check "a panic fails it" failed
check "guests before it count, and others make up the number" \
    counted "nested guests with I/O" 6 7 1
check "it panicked" grep -q '1 panicked, 0 stood still' "$work/out.txt"

soak 6 1
check "a guest that stands still while it reboots fails it" failed
check "that is counted as a reboot" counted "reboots of a nested guest" 5 6 1

soak 0 0 SOAK_SECONDS=0
check "no time for a single boot is an error" said "no boot was made"
soak 0 0 SOAK_BOOTS=many
check "a count that is no number is refused" said "required is a number"
finish
