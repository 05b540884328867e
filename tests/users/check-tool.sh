# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# nested-vtd-check on the machine at hand, whatever it is; hosts that are good
# and bad on purpose are in tests/hostvm/check-host.

. "$(dirname "$0")/built.sh"

printed() { grep -qF -- "$1" "$work/out.txt"; }

tool=$("$TOP/scripts/tools-build")

# Does the answer agree with itself, and with the exit status?
cat >"$work/judge.py" <<'END_PYTHON'
import json
import sys

answer = json.load(open(sys.argv[1]))
status = int(sys.argv[2])
results = [check['result'] for check in answer['checks']]
assert results.count('fail') == answer['failed'], 'the number of failed ones'
assert results.count('pass') == answer['passed'], 'the number of passed ones'
assert results.count('warn') == answer['warnings'], 'the number of warnings'
assert status == (answer['failed'] > 0), f'status {status}'
for check in answer['checks']:
    assert set(check) - {'fix'} == {'check', 'subject', 'result', 'text'}, check
    assert ('fix' in check) == (check['result'] in ('warn', 'fail')), check
assert len(sys.argv) < 4 or any(check['check'] == sys.argv[3] and
                                check['result'] == 'fail'
                                for check in answer['checks']), answer
END_PYTHON
judge() { python3 "$work/judge.py" "$work/out.txt" "$status" "$@"; }

try "$tool" --json
check "the answer is JSON that agrees with itself" judge
try "$tool" --json --memory 1T --no-dry-run ffff:ff:1f.7
check "a device that is not there" judge device
try "$tool" ffff:ff:1f.7
check "a failure is an exit status" test "$status" = 1
check "and a line with a fix" grep -A1 '^FAIL  ffff:ff:1f.7: no such PCI device' "$work/out.txt"
try "$tool" --memory 12Q
check "a size that is none is refused" test "$status" = 2
check "with what was seen" said "--memory is '12Q', must be a size such as 4G"
try "$tool" --nonsense
check "an unknown option gets the usage" said "usage: nested-vtd-check"

try "$tool" --qmp "$work/qmp"
check "--qmp without --report is refused" said "nested-vtd-check: --qmp is for --report"
try "$tool" --report --qmp "$work/qmp"
check "a monitor that is not there" said "$work/qmp: No such file or directory; must be the socket"
check "is a failure" test "$status" = 1
check "the report has the kernel" printed "kernel: Linux $(uname -r)"
check "and the checks" printed "== checks"

# shellcheck disable=SC2154 # declared by built.sh
"$built_QEMU" -M none -nodefaults -display none -daemonize \
    -pidfile "$work/pid" -qmp "unix:$work/qmp,server=on,wait=off"
try "$tool" --report --qmp "$work/qmp"
check "the report has what QEMU says" \
    grep -q '^query-version: {"return": {"qemu":' "$work/out.txt"
check "of each question" test "$(grep -c -e '^x-query-[a-z-]*: {' "$work/out.txt")" = 2
kill "$(cat "$work/pid")"
finish
