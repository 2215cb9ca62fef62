#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=passthru mode=iommu time=60
#
# PCI passthrough in a zone: an emulated NVMe of the host is taken from its driver at boot, is the guest's over a reset, and comes back to the
# host at halt, after zoneadmd is killed, and after a boot that fails.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

nvme=0000:00:08.0 z=passed
sys=/sys/bus/pci/devices
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve
driver() { basename "$(readlink "$sys/$nvme/driver")" 2>/dev/null || true; }
is_nvme() { [ "$(driver)" = nvme ] && [ -b /dev/nvme0n1 ]; }
seen() { grep -aqF -- "$1" "/zones/$z/logs/console.log"; }
daemon_gone() { ! pgrep -f "zoneadmd -z $z -r" >/dev/null; }
zone() { # NAME: a zone that is given the device
	zonecfg -z "$1" "create -b; set brand=bhyve; set zonepath=/zones/$1; set ip-type=exclusive;
		add device; set match=$nvme; add property (name=model,value=passthru); end;
		add attr; set name=kernel; set type=string; set value=$cache/vmlinux; end;
		add attr; set name=initrd; set type=string; set value=$cache/tiny.cpio; end;
		add attr; set name=bootargs; set type=string;
			set value=\"$quick panic=-1 tiny.run=blkread:nvme0n1,blkwrite:written-in-the-zone:nvme0n1,sleep:2,reboot\"; end;
		add attr; set name=ram; set type=string; set value=256; end; commit" && zoneadm -z "$1" install
	t_atexit "zoneadm -z $1 halt; zoneadm -z $1 uninstall -F; zonecfg -z $1 delete -F"
}
modprobe -r vfio-pci 2>/dev/null || true
echo >"$sys/$nvme/driver_override"
wait_for 10 is_nvme || true
echo "zhyve nvme" | dd of=/dev/nvme0n1 bs=512 conv=sync,fsync status=none

# What is in the way.
t_run "a zone with a device of the host" 0 zone $z
t_run "a host without vfio-pci" 1 zoneadm -z $z boot
t_like "is told what to load" "$t_err" 'no vfio-pci \(modprobe vfio-pci vfio_iommu_type1\)'
modprobe vfio-pci
modprobe vfio_iommu_type1
dd if=/dev/nvme0n1 of="$T/first" bs=1M count=8 status=none
mkfs.ext4 -q -F /dev/nvme0n1
mkdir "$T/mnt"
mount /dev/nvme0n1 "$T/mnt"
t_run "a device with a disk that is mounted" 1 zoneadm -z $z boot
t_like "is not taken" "$t_err" "$nvme cannot be taken from the host: its disk nvme0n1 is in use"
umount "$T/mnt"
dd if="$T/first" of=/dev/nvme0n1 conv=fsync status=none
t_run "a limit of locked memory" 0 zonecfg -z $z 'add rctl; set name=zone.max-locked-memory; add value (priv=privileged,limit=134217728,action=deny); end'
t_run "below the guest's memory" 1 zoneadm -z $z boot
t_like "is told" "$t_err" "zone.max-locked-memory of 128 MiB is less than the guest's 256 MiB"
t_run "is taken away" 0 zonecfg -z $z 'remove rctl name=zone.max-locked-memory'
t_is "the host still has its device" "$(driver)" nvme

# A life, with a reset in it.
t_run "boot" 0 zoneadm -z $z boot
t_is "vfio-pci has it" "$(driver)" vfio-pci
pid=$(head -n 1 "$cg/$z/cgroup.procs")
t_is "zhyve may lock the guest's memory and a little more" "$(awk '/^Max locked/ { print $4 / 1048576 }' "/proc/$pid/limits")" 320
held=$(ls -l "/proc/$pid/fd")
if [ -c /dev/iommu ]; then
	t_like "and holds the device" "$held" '/dev/vfio/devices/vfio[0-9]+'
	t_is "but neither its group nor an iommufd" "$(grep -cE '/dev/(vfio/[0-9v]|iommu)' <<<"$held" || true)" 0
else
	t_like "and holds group and container" "$held" '/dev/vfio/[0-9]+'
fi
t_is "without a capability" "$(awk '/^CapPrm/ { print $2 }' "/proc/$pid/status")" 0000000000000000
wait_for 60 seen 'blkwrite: ok' || true
t_is "the guest reads what the host knows" "$(grep -ao 'blkread: .*' "/zones/$z/logs/console.log" | tr -d '\r' | head -n 1)" 'blkread: zhyve nvme'
t_run "another zone with the same device" 0 zone rival
t_run "does not boot" 1 zoneadm -z rival boot
t_like "and says why" "$t_err" "$nvme is in use by another (zone|guest)"
wait_for 60 seen 'blkread: written-in-the-zone' || true
t_run "after its reset the guest has it again" 0 seen 'blkread: written-in-the-zone'
t_is "the guest was reset" "$(jq -r .event "/zones/$z/logs/events.jsonl" | grep -c guest-reset)" 1
t_run "halt" 0 zoneadm -z $z halt
t_is "the host has its device back" "$(driver)" nvme
wait_for 10 is_nvme || true
t_is "with what the guest wrote" "$(head -c 19 /dev/nvme0n1)" written-in-the-zone
t_is "nothing overrides its driver" "$(cat "$sys/$nvme/driver_override")" "(null)"

# zoneadmd killed: while the guest runs, and at some moments of the way to it.
t_run "boot" 0 zoneadm -z $z boot
pkill -KILL -f "zoneadmd -z $z -r"
wait_for 10 daemon_gone
t_run "zoneadmd killed, and looked after" 0 zoneadm list
t_is "the host has its device back" "$(driver)" nvme
killat=$top/build/tests/jail/killat
traced() { env KILLAT="$1" KILLAT_PROGRAM=/usr/lib/zones/zoneadmd KILLAT_COUNT="$T/count" ZONEADMD_BIN="$killat" "${@:2}"; }
t_run "ready, under the tracer" 0 traced 1000000 zoneadm -z $z ready
t_run "halt" 0 zoneadm -z $z halt
wait_for 10 is_nvme || true
total=$(cat "$T/count") lost=
for ((i = 1; i <= 8; i++)); do
	at=$((total * i / 10))
	wait_for 10 daemon_gone || true
	traced $at zoneadm -z $z ready >/dev/null 2>&1 || true
	zoneadm -z $z halt >/dev/null 2>&1 || true
	zoneadm list >/dev/null
	wait_for 10 is_nvme || lost+=" $at: $(driver)"
done
t_is "killed at 8 of $total system calls, the host has it back each time" "$lost" ""

# As vmadm has it.
jq -n --arg path $nvme '{brand: "bhyve", alias: "pass", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 1}],
	pci_devices: [{path: $path, pci_slot: "8"}]}' >"$T/vm.json"
t_run "vmadm create with pci_devices" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
t_is "get shows them" "$(vmadm get "$uuid" | jq -c .pci_devices)" "[{\"path\":\"$nvme\",\"pci_slot\":\"0:8:0\",\"model\":\"passthru\"}]"
t_run "delete" 0 vmadm delete "$uuid"
t_done
