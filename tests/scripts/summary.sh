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

cost() { grep -qxE -- "$1" "$work/costs"; }
sum_costs() {  # SUITE NAME SECONDS ROWS, four words an entry
    local suite name seconds rows
    while [ $# -gt 0 ]; do
        suite=$1 name=$2 seconds=$3 rows=$4
        shift 4
        printf '{"command": ["run-case", "%s", "%s"], "result": "OK", "returncode": 0, "duration": %s, "stdout": "1..%s\\n%s"}\n' \
            "$suite" "$name" "$seconds" "$rows" "$(seq -f 'ok %g\n' -s '' "$rows")"
    done >"$work/log"
    try "$TOP/scripts/summary" "$work/log" "$work/logs" "$work/costs"
}
sum_costs one cheap 1.25 3 two other 9 1 one dear 20.5 2
check "a run with costs succeeds" succeeded
check "the file of the costs is named" printed "cost: $work/costs"
check "the count is still last" ends "6 passed, 0 failed, 0 skipped"
check "a suite's cost is the sum of its cases'" cost 'one +\* +21\.8 +5'
check "a case has its seconds and rows" cost 'one +cheap +1\.2 +3'
check "what costs most comes first, sums before cases" test \
    "$(awk '{ print $1 $2 }' "$work/costs" | xargs)" = "suitecase one* two* onedear twoother onecheap"
sum_costs one dear 5 4
check "a suite that ran again has its new costs only" cost 'one +\* +5\.0 +4'
check "one that did not run keeps its own" cost 'two +other +9\.0 +1'
finish
