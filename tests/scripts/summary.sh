# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The count at the end of "make check", from logs as meson writes them.

. "$(dirname "$0")/tap.sh"

entry() {  # NAME RESULT STATUS TAP
    printf '{"command": ["run-case", "one", "%s"], "result": "%s", "returncode": %s, "duration": 1.0, "stdout": "%s"}\n' "$@"
}
sum() { entry "$@" >"$work/log"; try "$TOP/scripts/summary" "$work/log" "$work/logs"; }
ends() { [ "$(tail -n 1 "$work/out.txt")" = "$1" ]; }
printed() { grep -qF -- "$1" "$work/out.txt"; }

sum good OK 0 '1..3\nok 1 /a\nok 2 /b # SKIP no unit\nok 3 /c\n'
check "passed and skipped are told apart" ends "2 passed, 0 failed, 1 skipped"
check "which is a success" succeeded
check "a skip says its reason" printed "skipped: one good /b: no unit"

mkdir -p "$work/logs/one"
seq 100 | sed 's/^/line /' >"$work/logs/one/bad.log"
sum bad ERROR 1 '1..2\nok 1 /a\nnot ok 2 /b\n'
check "a failure is counted once" ends "1 passed, 1 failed, 0 skipped"
check "which is a failure" failed
check "its log is named" printed "$work/logs/one/bad.log"
check "and the log's end is printed" printed "    | line 100"
check "and not all of it" test "$(grep -c '    | ' "$work/out.txt")" = 12
sum bad ERROR 1 '1..2\nnot ok 1 /a\nnot ok 2 /b\n'
check "once for two failures of a program" test "$(grep -c 'line 100' "$work/out.txt")" = 1

sum died ERROR 134 '1..2\nok 1 /a\n'
check "a program that died counts as failed" ends "1 passed, 1 failed, 0 skipped"
sum complained ERROR 70 '1..1\nok 1 /a\n'
check "so does a bad status after good cases" ends "1 passed, 1 failed, 0 skipped"
sum slow TIMEOUT -9 'ok 1 /a\n'
check "so does one that ran out of time" printed "timed out"
sum short ERROR 0 '1..3\nok 1 /a\n'
check "so does one that ran too few" printed "1 cases ran, 3 were planned"
sum skipped SKIP 0 '1..0 # SKIP no kernel\n'
check "nothing but skips is no success" failed
check "a plan of none says its reason" printed "no kernel"
: >"$work/log"
try "$TOP/scripts/summary" "$work/log" "$work/logs"
check "no case at all is no success" failed
check "and says so" ends "0 passed, 0 failed, 0 skipped"
finish
