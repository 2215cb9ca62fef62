#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: mode=iommu time=100 needs=generic
#
# PCI passthrough: an emulated NVMe of the host (behind its emulated IOMMU) in a guest's hands, by hand and in a zone; an emulated e1000e by
# MSI-X, MSI and its interrupt pin; and everything that can be in the way. Afterwards the host has its devices back.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

nvme=0000:00:08.0 nic=0000:00:09.0 pair=0000:00:0a.0
sys=/sys/bus/pci/devices
modprobe vfio-pci
modprobe vfio_iommu_type1

driver() { basename "$(readlink "$sys/$1/driver")" 2>/dev/null; }
vfio() { # ADDRESS: from the host's driver to vfio-pci
	echo vfio-pci >"$sys/$1/driver_override"
	[ ! -e "$sys/$1/driver" ] || echo "$1" >"$sys/$1/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
}
back() { # ADDRESS: and back
	[ ! -e "$sys/$1/driver" ] || echo "$1" >"$sys/$1/driver/unbind"
	echo >"$sys/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}
# guest WORDS OPTION...: a tiny guest to its end; what it said is in $con, how it ended in $st.
guest() {
	local words=$1
	shift
	st=0
	timeout -k 2 90 zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 1,lpc "$@" -o \
		boot.cmdline="console=ttyS0 quiet panic=-1 ${more:-} tiny.run=$words" tiny >"$T/com1" 2>"$T/zhyve.err" </dev/null || st=$?
	con=$(tr -d '\r' <"$T/com1"; sed 's/^/zhyve says: /' "$T/zhyve.err")
}
elf=(-l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio")
generic=(-l "kernel,$cache/vmlinux-generic,initrd=$cache/tiny-generic.cpio")

# What is in the way.
t_run "a device that the host uses" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme x
t_like "is not taken; how to is said" "$t_err" "$nvme belongs to nvme of the host, not to vfio-pci. To change that:.*echo $nvme >driver/unbind"
t_run "a device that is not there" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,7f:00.0 x
t_like "is named" "$t_err" 'the host has no PCI device 0000:7f:00.0'

# NVMe, by hand.
vfio $nvme
t_is "vfio-pci has it" "$(driver $nvme)" vfio-pci
guest pci,blkread:nvme0n1,blkfill:2:nvme0n1,blkwrite:written-by-the-guest:nvme0n1,poweroff "${elf[@]}" -s 3,passthru,$nvme
t_is "a guest runs with the host's NVMe, and ends" "$st" 1
t_like "it sees the device in its own slot" "$con" 'pci: 0000:00:03.0 0x010802 0x1b36:0x0010'
t_like "it reads what the host knows" "$con" 'blkread: zhyve nvme'
t_like "2 MiB written and read back" "$con" 'blkfill: 2 MiB ok'
back $nvme
t_is "the host has it back" "$(driver $nvme)" nvme
wait_for 20 test -b /dev/nvme0n1 || true
t_is "and finds what the guest wrote" "$(head -c 20 /dev/nvme0n1)" written-by-the-guest
t_done
