# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What tests/run-case makes of a program's output: TAP is passed on, its lack
# is made up for, whatever the length.

. "$(dirname "$0")/tap.sh"

make_checkout
mkdir -p "$work/top/tests/scripts" "$work/top/tests/hostvm"
cp "$TOP/tests/run-case" "$work/top/tests/"
cp "$TOP/tests/hostvm/case.sh" "$work/top/tests/hostvm/"

# run_script: standard input as a script of the suite "scripts".
run_script() {
    cat >"$work/top/tests/scripts/case.sh"
    try "$work/top/tests/run-case" scripts case
}

tap_is() { diff "$work/out.txt" <(printf '%s\n' "$@"); }

# Longer than a pipe holds: whoever leaves it early is noticed.
run_script <<'EOF'
echo 1..2
echo ok 1 one
seq 200000
echo ok 2 two
EOF
check "a long log with a plan at its start" tap_is 1..2 "ok 1 one" "ok 2 two"
check "and its status" succeeded

run_script <<'EOF'
echo ok 1 one
seq 200000
exit 3
EOF
check "no plan: bail out" tap_is "ok 1 one" \
    "Bail out! no plan: case ended early with status 3"
check "and its status" failed

run_script <<'EOF'
seq 200000
EOF
check "no TAP: one case" tap_is 1..1 "ok 1 case"

run_script <<'EOF'
echo what went wrong
exit 4
EOF
check "no TAP: one case that failed" tap_is 1..1 "not ok 1 case (exit status 4)"
check "its log is shown" said "what went wrong"
finish
