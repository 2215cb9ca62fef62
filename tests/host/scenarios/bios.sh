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
# shows TEXT SECONDS REGEX: it appears on the console in time; then the machine is ended.
shows() {
	wait_for "$2" grep -qaE "$3" "$T/com1" || true
	t_like "$1" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; sed 's/^/zhyve says: /' "$T/err")" "$3"
	kill -KILL $job 2>/dev/null || true
	wait $job 2>/dev/null || true
}

iso=/usr/lib/ipxe/ipxe.iso
if [ -r $iso ]; then
	start -l bootrom,/usr/share/seabios/bios-256k.bin -s 4,ahci-cd,$iso
	shows "SeaBIOS starts iPXE from a CD" 60 'iPXE.*Open Source Network Boot Firmware'
else
	t_skip "SeaBIOS starts iPXE from a CD" "there is no package ipxe"
fi

memtest=/boot/memtest86+x64.bin
if [ -r $memtest ]; then
	start -l kernel,$memtest -o boot.cmdline=console=ttyS0,115200
	shows "memtest86+ starts" 60 'Memtest86\+ v'
else
	t_skip "memtest86+ starts" "there is no package memtest86+"
fi
t_done
