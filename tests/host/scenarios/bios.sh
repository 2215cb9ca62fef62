#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=150
#
# What people boot on a bare machine: iPXE from its CD image by BIOS, a program from the network, memtest86+ as a kernel. Each far enough to
# show that it runs.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

# start ARGUMENT...: in the background; the console is $T/com1.
start() {
	zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 31,lpc "$@" bios >"$T/com1" 2>"$T/err" </dev/null &
	job=$!
}
# shows TEXT SECONDS REGEX: it appears on the console in time; then the machine is ended.
shows() {
	wait_for "$2" grep -qaE "$3" "$T/com1" || true
	t_like "$1" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; sed 's/^/zhyve says: /' "$T/err")" "$3"
	kill -KILL $job 2>/dev/null || true
	wait $job 2>/dev/null || true
}

# iPXE asks for an address on the nic and starts what it is told to: the boot sector of tests/guest, which PXE can load, too.
iso=/usr/lib/ipxe/ipxe.iso
text="SeaBIOS starts iPXE from a CD, and that a program from the network"
if [ -r $iso ]; then
	mkdir "$T/tftp"
	gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x7c00,--oformat=binary -o "$T/tftp/sector.0" \
		"$top/tests/guest/sector.S"
	ip tuntap add dev zbios0 mode tap
	t_atexit ip link del zbios0
	ip addr add 10.98.0.1/24 dev zbios0
	ip link set zbios0 up
	printf '%s\n' "interface zbios0" "start 10.98.0.10" "end 10.98.0.20" "siaddr 10.98.0.1" "boot_file sector.0" \
		"lease_file $T/leases" "pidfile $T/udhcpd.pid" "option subnet 255.255.255.0" >"$T/udhcpd.conf"
	: >"$T/leases"
	busybox udhcpd -f "$T/udhcpd.conf" >"$T/udhcpd.log" 2>&1 &
	t_atexit kill $!
	busybox udpsvd -E 10.98.0.1 69 busybox tftpd -r "$T/tftp" >"$T/tftpd.log" 2>&1 &
	t_atexit kill $!
	start -l bootrom,/usr/share/seabios/bios-256k.bin -s 4,ahci-cd,$iso -s 6,virtio-net-viona,zbios0
	shows "$text" 90 'boot sector of disk A'
else
	t_skip "$text" "there is no package ipxe"
fi

memtest=/boot/memtest86+x64.bin
if [ -r $memtest ]; then
	start -l kernel,$memtest -o boot.cmdline=console=ttyS0,115200
	shows "memtest86+ starts" 60 'Memtest86\+ v'
else
	t_skip "memtest86+ starts" "there is no package memtest86+"
fi
t_done
