# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# libvirt/nested.xml with the machine's own libvirt, in a session of an
# unprivileged user.  There is no IOMMU here: the guest that is started has no
# passed-through device and runs under TCG.  The command line with the device is
# compared with tests/hostvm/libvirt-argv, which the host VM runs.

. "$(dirname "$0")/built.sh"

if ! command -v virsh >/dev/null || ! command -v libvirtd >/dev/null; then
    echo "1..0 # SKIP libvirt is not installed"
    exit
fi

# libvirt refuses root a session, and a session's user must see the emulator.
chmod 755 "$work"
install -m 755 "$built_QEMU" "$work/qemu-system-x86_64-nested"
strip -g "$work/qemu-system-x86_64-nested"
mkdir -p "$work/home/run"
user=()
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$work/home"
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
virsh() {
    "${user[@]}" env -i -C "$work/home" PATH="$PATH" HOME="$work/home" \
        XDG_RUNTIME_DIR="$work/home/run" LC_ALL=C.UTF-8 \
        "$(command -v virsh)" -q -c qemu:///session "$@"
}
end_session() {
    local pid
    for pid in "$work"/home/run/libvirt/*.pid; do
        [ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap end_session EXIT

# edit FILE OPTION...: the example made fit for here
edit() {
    python3 - "$TOP/libvirt/nested.xml" "$work/$1" "$work/qemu-system-x86_64-nested" "${@:2}" <<'END_PYTHON'
import sys
import xml.etree.ElementTree as tree

QEMU = '{http://libvirt.org/schemas/domain/qemu/1.0}'
source, target, emulator, *options = sys.argv[1:]
tree.register_namespace('qemu', QEMU[1:-1])
domain = tree.parse(source)
root = domain.getroot()
root.set('type', 'qemu')
root.find('devices/emulator').text = emulator
root.find('memory').set('unit', 'MiB')
root.find('memory').text = '256'
root.find('vcpu').text = '1'
root.remove(root.find('cpu'))
override = root.find(QEMU + 'override')
for option in options:
    if option == 'no-device':
        root.find('devices').remove(root.find('devices/hostdev'))
        override.remove(override.findall(QEMU + 'device')[1])
    if option == 'wrong-alias':
        override.find(QEMU + 'device').set('alias', 'iommu1')
    if option == 'caching-mode':
        root.find('devices/iommu/driver').set('caching_mode', 'on')
domain.write(target)
END_PYTHON
    chmod 644 "$work/$1"
}

# The next one has another UUID.
remove() {
    virsh destroy nested >/dev/null 2>&1 || :
    virsh undefine nested >/dev/null 2>&1 || :
}

monitor() { virsh qemu-monitor-command nested "$@"; }
nested_is() {  # VALUE
    [ "$(monitor "{\"execute\": \"qom-get\", \"arguments\": {\"path\":
        \"/machine/peripheral/iommu0\", \"property\": \"nested\"}}" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["return"])')" = "$1" ]
}

echo "# $(virsh --version)"
edit plain.xml no-device
try virsh define --validate "$work/plain.xml"
check "the domain is valid, and defined" succeeded
try virsh start nested
check "it starts" succeeded
check "the vIOMMU has nested=on" nested_is True
check "as QEMU's monitor tells" grep -q '^/machine/peripheral/iommu0: translation is' \
    <(monitor --hmp 'info intel-iommu-nested')
check "the iommufd object is there" grep -q '^iommufd0: 0 devices' <(monitor --hmp 'info iommufd')
remove

# The trap that the example warns of
edit alias.xml no-device wrong-alias
virsh define "$work/alias.xml" >/dev/null 2>&1 || :
try virsh start nested
check "with a wrong alias nested is off, without a word" nested_is False
remove

edit caching.xml no-device caching-mode
virsh define "$work/caching.xml" >/dev/null 2>&1 || :
try virsh start nested
check "caching_mode='on' beside it is refused" failed
check "with QEMU's reason" said "nested=on and caching-mode=on exclude each other"
remove

# What QEMU would get with the device
edit device.xml
try virsh domxml-to-native qemu-argv "$work/device.xml"
# libvirt 12 looks for VFIO even where nothing is started.
if said "device assignment is not supported by the host"; then
    check_device() { skip "$1" "libvirt $(virsh --version) finds no VFIO on this host"; }
else
    check_device() { check "$@"; }
fi
check_device "the domain with the device has a command line" succeeded
tr ' ' '\n' <"$work/out.txt" | sed -n "s/^'\({\"driver\":\"\(intel-iommu\|pcie-root-port\|vfio-pci\)\".*}\)'\$/\1/p" \
    >"$work/devices"
grep -o 'iommufd,id=iommufd0' "$work/out.txt" >>"$work/devices" || :
check_device "with nested=on" grep -q '^{"driver":"intel-iommu",.*"nested":true' "$work/devices"
check_device "with the device on the iommufd" grep -q '^{"driver":"vfio-pci",.*"iommufd":"iommufd0"' "$work/devices"
position() { grep -n "^{\"driver\":\"$1\"" "$work/devices" | cut -d : -f 1; }
check_device "the vIOMMU comes before the device" test "$(position intel-iommu)" -lt "$(position vfio-pci)"
# libvirt 12 puts the vIOMMU behind the root ports.
check_device "it is the one that the host VM runs" diff <(sort "$work/devices") \
    <(grep -v '^#' "$TOP/tests/hostvm/libvirt-argv" | sort)
finish
