# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# nested-vtd-graph: from answers of QEMU's monitor to Graphviz.

. "$(dirname "$0")/built.sh"

tool=$TOP/tools/nested-vtd-graph

# One device on stage 1, one blocked, one PASID, one that is no business of
# the vIOMMU.
cat >"$work/answers" <<'END_ANSWERS'
{"command": "x-query-iommufd", "return": [{"id": "fd0", "users": 3, "ioctls": [], "ioas": [{"id": 1, "mapped": 268435456, "maps": 2, "unmaps": 0, "users": 1}], "hwpts": [{"id": 4, "parent": 1, "flags": ["nest-parent"], "users": 1}, {"id": 5, "parent": 4, "flags": ["fault"], "fault-queue": 6, "users": 2, "vtd-stage1": {"pointer": 4096, "addr-width": 48, "flags": []}}], "fault-queues": [{"id": 6, "users": 1}], "attachments": [{"device": "0000:01:00.0", "device-id": 2, "page-table": 5}, {"device": "mdev0", "device-id": 3, "page-table": 1}]}]}
{"command": "x-query-intel-iommu-nested", "return": [{"devices": [{"host": "0000:01:00.0", "sid": 32, "iommufd": "fd0", "attaches": [{"target": "stage1", "reason": "first-stage", "page-table": 5, "domain-id": 7, "pgtt": 1}, {"pasid": 9, "target": "stage1", "reason": "first-stage", "page-table": 5, "domain-id": 7, "pgtt": 1}]}, {"host": "0000:02:00.0", "sid": 256, "iommufd": "fd0", "attaches": [{"target": "blocked", "reason": "legacy-mode"}]}]}]}
END_ANSWERS

drawn() { grep -qF -- "$1" "$work/out.txt"; }

try "$tool" "$work/answers"
check "answers are drawn" succeeded
check "the guest's table on its nested HWPT" drawn '"table 0x1000" -> "fd0 5"'
check "the nested HWPT on the nest parent" drawn '"fd0 5" -> "fd0 4"'
check "the nest parent filled from the IOAS" drawn '"fd0 4" -> "fd0 1"'
check "the IOAS pins the guest's RAM" drawn '"fd0 1" -> "ram" [label="256 MiB pinned"'
check "its page requests in a fault queue" drawn '"fd0 5" -> "fd0 6" [label="page requests"'
check "a device on it" drawn '"0000:01:00.0" -> "fd0 5"'
check "a PASID of it" drawn '"0000:01:00.0, PASID 9" -> "fd0 5"'
check "its requester ID in the guest" drawn '00:04.0 in the guest'
check "a blocked device, and why" drawn 'blocked: legacy-mode'
check "which is attached to nothing" test -z "$(grep '"0000:02:00.0" ->' "$work/out.txt")"
check "a device without the vIOMMU" drawn '"mdev0" -> "fd0 1"'

if command -v dot >/dev/null; then
    try "$tool" -o "$work/picture.svg" "$work/answers"
    check "an SVG that is XML, with each node" python3 -c '
import sys, xml.etree.ElementTree
nodes = xml.etree.ElementTree.parse(sys.argv[1]).findall(
    ".//{http://www.w3.org/2000/svg}g[@class=\"node\"]")
assert len(nodes) == 10, len(nodes)' "$work/picture.svg"
else
    skip "an SVG that is XML, with each node" "Graphviz is not installed"
fi

head -n 1 "$work/answers" >"$work/half"
try "$tool" "$work/half"
check "an answer that is missing is named" said "has no answer of x-query-intel-iommu-nested"

# A QEMU that runs, asked through its socket
"$built_QEMU" -M q35 -nodefaults -display none -accel qtest -m 64M \
    -object iommufd,id=iommufd7 -device intel-iommu,nested=on \
    -qmp "unix:$work/qmp,server=on,wait=off" >"$work/qemu.log" 2>&1 </dev/null &
qemu=$!
for _ in $(seq 100); do
    [ ! -S "$work/qmp" ] || break
    sleep 0.1
done
try "$tool" "$work/qmp"
check "a QEMU is asked through its socket" succeeded
check "and draws nothing, having no device" test "$(grep -c label= "$work/out.txt")" = 0
kill "$qemu"
wait "$qemu" 2>/dev/null || :
finish
