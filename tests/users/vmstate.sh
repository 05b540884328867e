# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The format of the states of our devices against that of each version that was
# released, by QEMU's own checker: what is in vmstate/ was written by
# "-dump-vmstate".  The states themselves are the rows of
# intel-iommu-walk-stream-test.

. "$(dirname "$0")/built.sh"

checker=$built_QEMU_ROOT/src/scripts/vmstate-static-checker.py

# ours FILE: our devices in it, on standard output
ours() {
    python3 -c '
import json, sys
dump = json.load(open(sys.argv[1]))
json.dump({name: dump[name] for name in ("vmschkmachine", "intel-iommu", "pasid-testdev")},
          sys.stdout, indent=1)' "$1"
}

# The pointer moved into another struct after 0.2; the stream has no names in it.
renamed() { sed 's/"field": "nest"/"field": "ext.nest"/'; }

# One more field at the end of the vIOMMU's registers
with_a_field() {
    python3 -c '
import json, sys
dump = json.load(sys.stdin)
fields = dump["intel-iommu"]["Description"]["Fields"]
fields.append(dict(fields[0], field="more"))
json.dump(dump, sys.stdout)'
}

try "$built_QEMU" -M pc-q35-10.0 -dump-vmstate "$work/dump.json"
check "QEMU tells its formats" succeeded
ours "$work/dump.json" >"$work/now.json"
for file in "$(dirname "$0")"/vmstate/*.json; do
    version=$(basename "$file" .json)
    renamed <"$file" >"$work/then.json"
    try python3 "$checker" -s "$work/then.json" -d "$work/now.json"
    check "a state of version $version can be loaded" succeeded
    try python3 "$checker" -s "$work/now.json" -d "$work/then.json"
    check "version $version can load a state of this one" succeeded
done
with_a_field <"$work/now.json" >"$work/more.json"
try python3 "$checker" -s "$work/more.json" -d "$work/now.json"
check "a field more would be seen" failed
finish
