# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# tests/hostvm/cases: what a stanza becomes, and that each is whole.

. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/hostvm/case.sh
. "$TOP/tests/hostvm/case.sh"

real=$TOP
QEMU_BUILD=/build
# shellcheck disable=SC2034 # named in a stanza
DEVICE=nvme

words() { printf '%s|' "${case_options[@]}" -- "${case_command[@]}"; }
is() { [ "$1" = "$2" ] || { echo "is '$1', wanted '$2'"; false; }; }

mkdir -p "$work/tests/hostvm"
TOP=$work
cat >"$work/tests/hostvm/cases" <<'END'
# a comment
[one]
qtest = some-test -k
env = A=b c
smp = 2
device = $DEVICE,serial=1

[two]
in = guests
shell = echo $(bind) &&
append = x=${NOT_SET-7} y

[three]
in =
run = a \
    b
colour = red

[five]
run = a
env = A=1
env = B=2
env = A=3
END
case_load one
check "a qtest program" is "$(words)" "--qemu|--file|$work/tests/hostvm/edu-qtest=/bin/edu-qtest|--add|/build/tests/qtest/some-test|--smp|2|--device|nvme,serial=1|--|/bin/env|A=b c|edu-qtest|some-test|-k|"
case_load two
check "a shell's command, and a default" is "$(words)" "--append|x=7 y|--|/bin/sh|-c|echo \$(bind) &&|"
try case_load three
check "an unknown key is refused by name" said "[three] has the key 'colour'"
try case_load five
check "a variable that is set twice is refused" said "[five] sets A twice"
check "no case, no success" test "$(case_load four && echo yes)" = ""
check "the suites of each" is "$(case_list | tr '\n' '|')" "one hostvm oldest|two guests|three |five hostvm oldest|"
check "what ends in a backslash goes on" is "$(case_get three run)" "a b"

TOP=$real
bad=
while read -r name suites; do
    case_load "$name" && [ ${#case_command[@]} -gt 0 ] || bad="$bad $name"
    for suite in $suites; do
        grep -qwF "$suite" <<<"hostvm oldest guests around libvirt threads selftests" || bad="$bad $name"
    done
done < <(case_list)
check "each case is whole" is "$bad" ""
check "no name stands twice" is "$(case_list | cut -d' ' -f1 | sort | uniq -d)" ""
finish
