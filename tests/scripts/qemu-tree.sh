# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The tree that is compiled: what is laid, what is refused, what is touched.

. "$(dirname "$0")/tap.sh"

make_checkout
make_base "$work/base" 10.0.99
export QEMU_SRC=$work/base
tree=$NVTD_OUT/qemu/src
patches=$work/top/bases/10.0
unit=$tree/hw/i386/unit.c

lay() { try "$work/top/scripts/qemu-tree"; }

write_patch() {  # NAME OLD-LINE NEW-LINE
    cat >"$patches/$1" <<END
Why: a test.

--- a/hw/i386/unit.c
+++ b/hw/i386/unit.c
@@ -2,2 +2,3 @@
 {
+    $3
$2
END
}

same_time() { [ "$(stat -c %Y "$1")" = 1000000000 ]; }
age() { find "$tree" -type f -exec touch -d @1000000000 {} +; }

write_patch 0001-hook.patch '     return 1;' 'hook();'
mkdir -p "$work/top/hw/i386" "$work/top/backends"
echo 'int ours;' >"$work/top/hw/i386/ours.c"
echo 'int two_of_ours;' >"$work/top/hw/i386/other.c"
lay
check "a tree is laid" succeeded
check "the patch is in it" grep -q 'hook();' "$unit"
check "the overlay's new file is in it" grep -q ours "$tree/hw/i386/ours.c"
check "the overlay replaces a file" grep -q two_of_ours "$tree/hw/i386/other.c"
check "the base is as it was" test -z "$(grep -r hook "$work/base")"

age
lay
check "a second run touches nothing" same_time "$unit"

echo 'int changed;' >"$work/top/hw/i386/ours.c"
lay
check "an edited overlay file is copied" grep -q changed "$tree/hw/i386/ours.c"
check "and only that one" same_time "$unit"

mkdir -p "$patches/include/nvtd"
echo 'int base;' >"$patches/include/nvtd/base.h"
lay
check "a header of the base is laid" grep -q base "$tree/include/nvtd/base.h"
rm -r "$patches/include"
lay
check "and is gone when the base has it no more" test ! -e "$tree/include/nvtd/base.h"

write_patch 0002-bad.patch '     return 7;' 'bad();'
echo 'int later;' >"$work/top/hw/i386/ours.c"
lay
check "a patch that does not fit is refused" failed
check "the patch is named" said 0002-bad.patch
check "the file is named" said hw/i386/unit.c
check "the version is named" said 10.0.99
check "what was looked for is shown" said 'return 7;'
check "nothing was changed" grep -q changed "$tree/hw/i386/ours.c"
rm "$patches/0002-bad.patch"

# One line of context must not be dropped: it is all there is.
write_patch 0002-bad.patch '     return 1; /* other */' 'bad();'
sed -i '/^ {$/d; s/@@ -2,2 +2,3 @@/@@ -3,1 +3,2 @@/' "$patches/0002-bad.patch"
lay
check "context that differs is refused" failed
rm "$patches/0002-bad.patch"

# The place is the right one here, but nobody has looked.
cp "$work/base/hw/i386/unit.c" "$work/unit.c"
sed -i '1i int zero;\n' "$work/base/hw/i386/unit.c"
lay
check "a hunk that is not at its line is refused" said "not at their lines in hw/i386/unit.c"
cp "$work/unit.c" "$work/base/hw/i386/unit.c"

cp "$patches/0001-hook.patch" "$patches/0002-again.patch"
sed -i 's/^ {$/ {\n     hook();/; s/@@ -2,2 +2,3 @@/@@ -2,3 +2,4 @@/' "$patches/0002-again.patch"
cp "$work/base/hw/i386/unit.c" "$work/unit.c"
sed -i 's/^{/{\n    hook();/' "$work/base/hw/i386/unit.c"
rm "$patches/0002-again.patch"
lay
check "a patch that the base has is refused" said "already applied"
cp "$work/unit.c" "$work/base/hw/i386/unit.c"

sed 's/unit\.c/absent.c/' "$patches/0001-hook.patch" >"$patches/0002-absent.patch"
lay
check "a patch for an absent file is refused" said "absent.c, which QEMU 10.0.99 does not have"
rm "$patches/0002-absent.patch"

sed 's/unit\.c/other.c/' "$patches/0001-hook.patch" >"$patches/0002-both.patch"
lay
check "a file both patched and replaced is refused" said "which the overlay replaces"
rm "$patches/0002-both.patch"

rm "$patches/0001-hook.patch" "$work/top/hw/i386/ours.c" "$work/top/hw/i386/other.c"
lay
check "a withdrawn patch is taken out" cmp "$unit" "$work/base/hw/i386/unit.c"
check "a withdrawn file is taken out" test ! -e "$tree/hw/i386/ours.c"
check "a file no longer replaced is back" cmp "$tree/hw/i386/other.c" "$work/base/hw/i386/other.c"

rm "$unit"
cp "$work/base/hw/i386/unit.c" "$work/keep.c"
echo 'int user;' >>"$work/base/hw/i386/unit.c"
lay
check "a change of the user's tree is followed" grep -q user "$unit"

QEMU_SRC=$work/nowhere lay
check "QEMU_SRC that is no directory is refused" said "$work/nowhere is not a directory"
make_base "$work/newer" 11.1.0
QEMU_SRC=$work/newer lay
check "QEMU_SRC of another series is refused" said "holds QEMU 11.1.0"
mkdir "$work/empty"
QEMU_SRC=$work/empty lay
check "QEMU_SRC that is no QEMU is refused" said "is not a QEMU source tree"
finish
