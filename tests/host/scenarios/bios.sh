#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=120
#
# What people boot on a bare machine: iPXE from its CD image by BIOS, memtest86+ as a kernel. Each far enough to
# show that it runs.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

# start ARGUMENT...: in the background; the console is $T/com1.
start() {
	zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 31,lpc "$@" bios >"$T/com1" 2>"$T/err" </dev/null &
	job=$!
}
# appears SECONDS REGEX: on the console in time; then the machine is ended.
appears() {
	local st=0
	wait_for "$1" grep -qaE "$2" "$T/com1" || st=1
	kill -KILL $job 2>/dev/null || true
	wait $job 2>/dev/null || true
	return $st
}
# shows TEXT REGEX: it has appeared.
shows() {
	t_like "$1" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; sed 's/^/zhyve says: /' "$T/err")" "$2"
}

iso=/usr/lib/ipxe/ipxe.iso
if [ -r $iso ]; then
	# iPXE measures the processor's clock by the PIT; on an emulated host that is busy just then its delays seem to come out
	# far too long (2 minutes instead of 2 seconds have been seen): then once more.
	banner='iPXE.*Open Source Network Boot Firmware'
	for try in 1 2 3; do
		start -l bootrom,/usr/share/seabios/bios-256k.bin -s 4,ahci-cd,$iso
		appears 40 "$banner" && break
		echo "# iPXE takes its time (try $try of 3)"
	done
	shows "SeaBIOS starts iPXE from a CD" "$banner"
else
	t_skip "SeaBIOS starts iPXE from a CD" "there is no package ipxe"
fi

memtest=/boot/memtest86+x64.bin
if [ -r $memtest ]; then
	start -l kernel,$memtest -o boot.cmdline=console=ttyS0,115200
	appears 60 'Memtest86\+ v' || true
	shows "memtest86+ starts" 'Memtest86\+ v'
else
	t_skip "memtest86+ starts" "there is no package memtest86+"
fi
t_done
