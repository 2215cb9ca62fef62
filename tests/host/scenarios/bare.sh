#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=75
#
# What people boot on a bare machine: iPXE from its CD image by BIOS, memtest86+ as a kernel, a stock kernel by a BIOS. Each far enough to
# show that it runs, and is killed then: nothing of it stays.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

# shows TEXT REGEX ARGUMENT...: on the console of a machine with these arguments, which is then ended.
shows() {
	local text=$1 regex=$2
	shift 2
	zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 31,lpc "$@" bare >"$T/com1" 2>"$T/err" </dev/null &
	wait_for 60 grep -qaE "$regex" "$T/com1" || true
	st=0
	kill -KILL $! 2>/dev/null || true
	wait $! 2>/dev/null || st=$?
	t_like "$text" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; sed 's/^/zhyve says: /' "$T/err")" "$regex"
}

iso=/usr/lib/ipxe/ipxe.iso
if [ -r $iso ]; then
	# Before its banner it collects entropy from some hundred interrupts of the RTC.
	shows "SeaBIOS starts iPXE from a CD" 'iPXE.*Open Source Network Boot Firmware' \
		-l bootrom,/usr/share/seabios/bios-256k.bin -s 4,ahci-cd,$iso
else
	t_skip "SeaBIOS starts iPXE from a CD" "there is no package ipxe"
fi
memtest=/boot/memtest86+x64.bin
if [ -r $memtest ]; then
	shows "memtest86+ starts" 'Memtest86\+ v' -l kernel,$memtest -o boot.cmdline=console=ttyS0,115200
else
	t_skip "memtest86+ starts" "there is no package memtest86+"
fi
shows "SeaBIOS starts a kernel that it is given" 'zhyve-tiny: cmdline: console=ttyS0' -l bootrom,/usr/share/seabios/bios-256k.bin \
	-l "kernel,$cache/vmlinuz,initrd=$cache/tiny.cpio" -o boot.cmdline="console=ttyS0 panic=-1 no_timer_check tiny.run=cmdline"
t_is "kill -9 of zhyve ends it" "$st" 137
t_is "and no process is left" "$(pgrep -c -x zhyve || true)" 0
t_done
