#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: mode=iommu time=100 needs=generic
#
# PCI passthrough by hand: an emulated NVMe of the host (behind its emulated IOMMU) in the hands of a guest; an emulated e1000e by
# MSI-X and by its interrupt pin, AHCI by MSI; and everything that can be in the way. Afterwards the host has its devices back.
#
# Not part of `make check`, which has passthru-zone. In the virtual host, with the guest that tests/host/generic makes:
# tests/host/run --iommu -t 200 -- bash tests/host/slow/passthru.sh
# Where the host's kernel has iommufd, devices are come by by it (passthru-iommufd.sh).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

nvme=0000:00:08.0 nic=0000:00:09.0 pair=0000:00:0a sata=0000:00:0c.0
sys=/sys/bus/pci/devices
modprobe vfio-pci
modprobe vfio_iommu_type1
modprobe virtio_net

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
# holds PATTERN: of how many such files the guest's zhyve has a descriptor.
holds() { find "/proc/$(pgrep -n -x zhyve)/fd" -type l -printf '%l\n' | grep -cE "$1" || true; }
elf=(-l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio")
generic=(-l "kernel,$cache/vmlinux-generic,initrd=$cache/tiny-generic.cpio")

# What is in the way.
t_run "a device that the host uses" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme x
t_like "is not taken; how to is said" "$t_err" "$nvme belongs to nvme of the host, not to vfio-pci. To change that:.*echo $nvme >driver/unbind"
t_run "a device that is not there" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,7f:00.0 x
t_like "is named" "$t_err" 'the host has no PCI device 0000:7f:00.0'
t_run "what is no address" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,/dev/ppt0 x
t_like "is told" "$t_err" "'/dev/ppt0' is not the address of a PCI device"
vfio $pair.0
t_run "one of two functions that the IOMMU cannot keep apart" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$pair.0 x
t_like "is not taken while the host uses the other" "$t_err" "the host uses $pair.1 \(virtio-pci\)"
back $pair.0
printf 'zhyve nvme\n' | dd of=/dev/nvme0n1 conv=fsync status=none
vfio $nvme
t_is "vfio-pci has it" "$(driver $nvme)" vfio-pci
t_run "a limit of locked memory" 4 prlimit --memlock=16777216 setpriv --bounding-set=-ipc_lock zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme x
t_like "is named" "$t_err" 'cannot wire 64 MiB of guest memory .*no more than 16 MiB may be locked \(ulimit -l\)'
t_run "a balloon beside it" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme -s 4,virtio-balloon x
t_like "is refused" "$t_err" 'virtio-balloon and passthru do not go together'

# An expansion ROM for the nic: two sectors in PCI's form (PCI Firmware 3.3, 5.1), and a program of the guest that reads it.
/usr/bin/python3 - "$T/rom" <<'END'
import struct, sys
head = struct.pack("<HB21xH2x", 0xAA55, 2, 28) # signature, length in sectors, where the structure begins
data = struct.pack("<4sHHHHB3sHHBBH", b"PCIR", 0x8086, 0x10D3, 0, 24, 0, bytes([0, 0, 2]), 2, 1, 0, 0x80, 0)
open(sys.argv[1], "wb").write((head.ljust(28, b"\0") + data).ljust(1024, b"\x5a"))
END
mkdir "$T/more"
cat >"$T/more/rom" <<'END'
#!/bin/sh
for d in /sys/bus/pci/devices/*; do
	[ "$(cat "$d/vendor" "$d/device" | tr '\n' ' ')" = "0x8086 0x10d3 " ] || continue
	echo 1 >"$d/rom"
	echo "zhyve-tiny: rom: $(sha256sum <"$d/rom" | cut -d' ' -f1)"
done
END
chmod 755 "$T/more/rom"
(cd "$T/more" && echo rom | cpio --quiet -o -H newc) | cat "$cache/tiny-generic.cpio" - >"$T/initrd"

# NVMe and nic by MSI-X.
vfio $nic
for n in /sys/class/net/*; do
	[ "$(cat "$n/address")" != 02:08:20:00:00:0b ] || wire=${n##*/}
done
ip addr add 10.98.0.1/24 dev "$wire"
ip link set "$wire" up
guest pci,blkread:nvme0n1,blkfill:2:nvme0n1,blkwrite:written-by-the-guest:nvme0n1,ip:10.98.0.2/24,ping:10.98.0.1,irq:nvme0q,irq:eth0,run:/rom,poweroff \
	-l "kernel,$cache/vmlinux-generic,initrd=$T/initrd" -s 3,passthru,$nvme -s "4,passthru,${nic#0000:},rom=$T/rom"
t_is "a guest runs with the host's NVMe and nic, and ends" "$st" 1
t_like "it sees the NVMe in its own slot" "$con" 'pci: 0000:00:03.0 0x010802 0x1b36:0x0010'
t_like "it reads what the host knows" "$con" 'blkread: zhyve nvme'
t_like "2 MiB written and read back" "$con" 'blkfill: 2 MiB ok'
t_like "the nic has its address" "$con" 'ip: 10.98.0.2/24 02:08:20:00:00:09'
t_like "frames come and go" "$con" 'ping: 10.98.0.1 answers'
t_like "the NVMe interrupts by MSI-X" "$con" 'irq: nvme0q PCI-MSI/nvme0q0 PCI-MSI/nvme0q1'
t_like "the nic, too" "$con" 'irq: eth0 PCI-MSI/eth0-rx-0'
t_like "the nic has the expansion ROM that it was given" "$con" "rom: $(sha256sum <"$T/rom" | cut -d' ' -f1)"
back $nvme
t_is "the host has the NVMe back" "$(driver $nvme)" nvme
wait_for 20 test -b /dev/nvme0n1 || true
t_is "and finds what the guest wrote" "$(head -c 20 /dev/nvme0n1)" written-by-the-guest

# A controller with MSI, and an I/O BAR, that has no reset of its own.
vfio $sata
t_run "a device that cannot be reset" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$sata x
t_like "is not taken" "$t_err" "$sata cannot be reset by itself"
guest blkread:sda,blkfill:1:sda,irq:ahci,poweroff "${generic[@]}" -s 5,passthru,$sata,reset=off
t_like "unless told to" "$con" 'blkread: zhyve sata'
t_like "1 MiB written and read back" "$con" 'blkfill: 1 MiB ok'
t_like "it interrupts by MSI" "$con" 'irq: ahci PCI-MSI/ahci'

# The pin. While that runs the device is in use.
vfio $nvme
more=pci=nomsi guest blkread:nvme0n1,blkfill:1:nvme0n1,ip:10.98.0.2/24,ping:10.98.0.1,irq:nvme0q,irq:eth0,sleep:2,poweroff \
	"${generic[@]}" -s 3,passthru,$nvme -s 11,passthru,$nic &
wait_for 30 grep -q userland "$T/com1" || true
t_run "a device that another guest has" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme x
t_like "is in use" "$t_err" "$nvme is in use by another guest"
if [ -c /dev/iommu ]; then
	t_is "it is come by by its own character device, and the nic by its" "$(holds '/dev/vfio/devices/vfio[0-9]+$') $(holds '/dev/(vfio/[0-9v]|iommu)')" "2 0"
	t_run "by its group" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme,vfio=group x
	t_like "it is in use, too" "$t_err" "$nvme is in use by another guest"
else
	t_is "it is come by by its group, and the nic by its" "$(holds '/dev/vfio/[0-9]+$')" 2
	t_run "by its own character device" 4 zhyve -m 64m "${elf[@]}" -s 3,passthru,$nvme,vfio=cdev x
	t_like "this kernel does not give it" "$t_err" "cannot open '/dev/iommu' \(modprobe iommufd\)"
fi
wait $!
con=$(tr -d '\r' <"$T/com1"; sed 's/^/zhyve says: /' "$T/zhyve.err")
t_like "by the pin: frames" "$con" 'ping: 10.98.0.1 answers'
t_like "and blocks, on a line that both share" "$con" 'blkfill: 1 MiB ok'
t_like "is a level" "$con" 'irq: eth0 IO-APIC.*/eth0'
back $nvme
back $nic
back $sata
t_done
