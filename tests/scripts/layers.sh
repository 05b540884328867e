# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The files of hw/i386/vtd: none calls one that is above it.

. "$(dirname "$0")/tap.sh"

try "$TOP/scripts/layers"
check "no file calls one that is above it" succeeded
check "there are calls" grep -qE '^[0-9]{2,} calls' "$work/out.txt"

# The check sees what it is for.
mkdir -p "$work/copy/hw"
cp -r "$TOP/hw/i386" "$work/copy/hw/"
cat >>"$work/copy/hw/i386/vtd/nested/tag.c" <<'END'

void vtd_nested_bad(VTDNestedAttach *at)
{
    vtd_nested_attach_sync(at);
}
END
try "$TOP/scripts/layers" "$work/copy"
check "a call that goes up is found" failed
check "and named" grep -q 'tag.c calls vtd_nested_attach_sync() of vtd/nested/attach.c' "$work/out.txt"
# One that is called from below, and calls what is above all
cat >"$work/copy/hw/i386/vtd/new.c" <<'END'
void vtd_new(IntelIOMMUState *s)
{
    vtd_nested_refresh_all(s);
}
END
sed -i 's/vtd_nested_attach_sync(at);/vtd_new(at);/' "$work/copy/hw/i386/vtd/nested/tag.c"
try "$TOP/scripts/layers" "$work/copy"
check "a file without a floor is named" grep -q 'vtd/new.c has no floor' "$work/out.txt"
finish
