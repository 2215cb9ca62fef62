#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=60
#
# A program for a bare machine, memtest86+, as a kernel: far enough to show that it runs. iPXE by BIOS is tests/host/slow/ipxe.sh.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

memtest=/boot/memtest86+x64.bin
if [ -r $memtest ]; then
	zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 31,lpc -l kernel,$memtest -o boot.cmdline=console=ttyS0,115200 memtest \
		>"$T/com1" 2>"$T/err" </dev/null &
	t_atexit kill -KILL $!
	wait_for 60 grep -qaE 'Memtest86\+ v' "$T/com1" || true
	t_like "memtest86+ starts" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; cat "$T/err")" 'Memtest86\+ v'
else
	t_skip "memtest86+ starts" "there is no package memtest86+"
fi
t_done
