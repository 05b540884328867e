# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The checkout itself: shell scripts without warnings, tests that are all run,
# patches that all apply to the base that is in the cache.

. "$(dirname "$0")/tap.sh"

shells() {
    cd "$TOP" && grep -rlE '^#!/bin/(ba)?sh' scripts tests tools .ci
}

if command -v shellcheck >/dev/null; then
    for file in $(shells | sort); do
        check "shellcheck $file" env -C "$TOP" shellcheck -S warning -x "$file"
    done
else
    skip shellcheck "shellcheck is not installed"
fi

# With pipefail the writer's SIGPIPE would read as "no match".
into_quiet_grep() {
    cd "$TOP" && shells | xargs grep -l pipefail | xargs grep -nE '\| *grep -[a-zA-Z]*q'
}
check "no pipe ends in grep -q" test -z "$(into_quiet_grep)"

for name in $(sed -n "s/^  '\\([a-z0-9-]*-test\\)':.*/\\1/p" "$TOP"/tests/qtest/vtd/{,*/}meson.build); do
    check "a suite runs $name" grep -qwF -- "$name" "$TOP/tests/programs" "$TOP/tests/hostvm/cases" "$TOP/tests/sanitize"
done

# MAINTAINERS names what there is.
absent_files() {
    local pattern
    for pattern in $(sed -n 's/^[FTD]: //p' "$TOP/MAINTAINERS"); do
        compgen -G "$TOP/$pattern" >/dev/null || echo "$pattern"
    done
}
check "MAINTAINERS names files that there are" test -z "$(set -f; absent_files)"

# QEMU 10.2 refuses longer lines of documentation, but in examples.
long_lines() {
    cd "$TOP" && awk 'length > 70 && /^#/ && !/^# +"/ {
        print FILENAME ":" FNR ": " length }' qapi/*.json
}
check "documentation in QAPI schemas has 70 columns" test -z "$(long_lines)"

# Our files include them on every base.
headers_differ() {
    local base
    for base in "$TOP"/bases/*/; do
        diff <(ls "$TOP/bases/10.0/include/nvtd") <(ls "$base/include/nvtd") || :
    done
}
check "bases have the same headers" test -z "$(headers_differ)"

check "the suites' list can be read" "$TOP/tests/list"
check "a suite has a name once" test -z "$("$TOP/tests/list" | cut -d"|" -f1,2 | sort | uniq -d)"
finish
