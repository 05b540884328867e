# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The pages: built without a warning, and about what there is.

. "$(dirname "$0")/built.sh"

hooks=$TOP/bases/10.0

try sphinx-build -q -W -b html "$TOP/docs" "$work/html"
check "the pages build without a warning" succeeded
try sphinx-build -q -W -b man "$TOP/docs" "$work/man"
check "so do the manual pages" succeeded
for page in nested-vtd-check nested-vtd-graph qemu-system-x86_64-nested; do
    check "$page(1) has a name, a synopsis and a description" \
        test "$(grep -cE '^\.SH (NAME|SYNOPSIS|DESCRIPTION)' "$work/man/$page.1")" = 3
done

# docs/plots is of docs/data.
try "$TOP/scripts/plots" "$work/plots"
check "the plots are drawn" succeeded
for data in "$TOP"/docs/plots/*.dat; do
    check "plot $(basename "$data" .dat) is of what was counted" diff "$data" "$work/plots/"
done

documented() { grep -qF -- "$1" "$TOP"/docs/*.rst; }

# What a patch adds, by the file it adds it to and a pattern of its name.
added() {  # FILE-END SED
    awk -v file="$1" '/^\+\+\+ / { on = substr($2, length($2) - length(file) + 1) == file }
        on && /^\+[^+]/' "$hooks"/*.patch | sed -nE "$2"
}

# The walk's are for its developers, who have the source before them.
events=$(cd "$TOP" && sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' {backends,hw/*}/*/trace-events |
    grep -v '^vtd_walk')
check "there are trace events" test "$(wc -l <<<"$events")" -gt 20
for event in $events; do
    check "trace event $event has its place" documented "$event"
done
for property in $(added hw/i386/intel_iommu.c 's/.*DEFINE_PROP_[A-Z0-9]+\("([^"]*)".*/\1/p'); do
    check "property $property has its place" documented "\`\`$property\`\`"
done
for name in $(sed -nE "s/.*'(command|event)': '([^']*)'.*/\2/p" "$TOP"/qapi/*.json); do
    check "QMP's $name has its place" documented "$name"
done
for name in $(added hmp-commands-info.hx 's/.*\.name *= "([^"]*)".*/\1/p'); do
    check "HMP's info $name has its place" documented "info $name"
done
for id in $(sed -nE 's/.*report\([A-Z_]+, "([a-z0-9-]+)".*/\1/p; s/^    \{ "(iommu-[a-z0-9]+)".*/\1/p' \
    "$TOP"/tools/nested-vtd-check/*.c | sort -u); do
    check "nested-vtd-check's $id has its place" documented "\`\`$id\`\`"
done
for word in $("$TOP/tests/list" | cut -d'|' -f1 | sort -u); do
    check "suite $word has its place" documented "\`\`$word\`\`"
done

# docs/flows.rst: the last column names tests, which there have to be.
paths_of() {
    (cd "$built_QEMU_BUILD" && for program in tests/qtest/vtd/{,walk/,nested/}*-test; do
        case ${program##*/} in
        intel-iommu-nested-*|intel-iommu-walk-*|intel-iommu-shadow-*|intel-iommu-emulated-*)
            QTEST_QEMU_BINARY=./qemu-system-x86_64 "$program" -l 2>/dev/null
            ;;
        esac
    done)
}
{
    paths_of | grep '^/'
    sed -n 's/^\[\(.*\)\]$/\/\1/p' "$TOP/tests/hostvm/cases"
    sed -nE 's/^([a-z0-9|-]+)\)$/\1/p; s/^ +([a-z0-9|-]+)\)$/\1/p' "$TOP/tests/hostvm/refusals" | tr '|' '\n' | sed 's,^,/,'
} >"$work/paths"
awk '/^\.\. csv-table/ { table = 1 }
    /^[^ ]/ && !/csv-table/ { table = 0 }
    table && / \| / { n = split($0, cell, / \| /); print cell[n] }' "$TOP/docs/flows.rst" |
    grep -oE '``[^`]+``' | tr -d '`' | sort -u >"$work/names"
check "flows.rst names tests" test "$(wc -l <"$work/names")" -gt 100
while read -r name; do
    pattern=$(sed 's/[.]/\\./g; s/\*/[^ ]*/g' <<<"$name")
    grep -qE "(^|/)$pattern\$" "$work/paths" || echo "$name"
done <"$work/names" >"$work/absent"
check "each of them is there" diff /dev/null "$work/absent"
finish
