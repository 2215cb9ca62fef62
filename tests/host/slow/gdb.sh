#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's gdb at guests (zhyve -G): what needs a processor with virtualization, that is watchpoints and breakpoints in code (int3);
# and a Linux guest that is interrupted, looked at and left alone. The rest of -G is tested on /dev/kvm (tests/guest/run, gdb).
#
# Not part of `make check`: QEMU's emulation of AMD-V does not intercept int3 (7.2), so it belongs on a machine whose own /dev/kvm runs
# stock guests: ZHYVE_CACHE=... bash tests/host/slow/gdb.sh, as root, with the project installed.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
payload=$(ls "$top"/build*/tests/guest/debug.elf 2>/dev/null | head -n 1 || true)
[ -n "$payload" ] || { t_skip "gdb" "the payloads are not built"; t_done; }

debug() { # COMMAND...: gdb's output in $con
	local args=()
	for c; do args+=(-ex "$c"); done
	con=$(timeout 60 gdb -nx -batch -ex "set pagination off" -ex "set remotetimeout 30" "${args[@]}" 2>&1 || true)
}
start() { # OPTION...: a guest in the background
	rm -f "$T/gdb" "$T/status"
	(
		st=0
		timeout 100 zhyve -m 256m -G "$@" tiny >"$T/com1" 2>"$T/err" </dev/null || st=$?
		echo $st >"$T/status"
	) &
	wait_for 20 test -S "$T/gdb" || true
}

start "wunix:$T/gdb" -c 2 -l com1,stdio -l "kernel,$payload"
debug "file $payload" "target remote $T/gdb" "hbreak guest_main" c delete \
	"watch *(unsigned long *)&watched" c 'p $rip' 'x/1gx &watched' delete \
	"break called" c 'p $rdi' delete \
	"break called" "break writes" "break power_off" "break put_char" "break guest_main" "break long_mode" c c 'info registers rip' delete \
	"info threads" "set var *(unsigned long *)&done = 1" c
t_like "a watchpoint stops at the write" "$con" 'Hardware watchpoint 2'
t_like "and shows old and new value" "$con" 'New value = 2'
t_like "a breakpoint stops with its argument" "$con" '\$2 = [0-9]+'
t_is "six breakpoints at once stop at two functions in turn" "$(grep -cE 'hit Breakpoint [0-9]+, .* in (called|writes) \(\)' <<<"$con")" 3
t_like "the other processor is a thread" "$con" 'Thread 2 \(vcpu1\)'
t_like "a write to the guest's memory ends it, and gdb is told its exit status" "$con" 'exited with code 01'
wait_for 10 test -s "$T/status" || true
t_is "zhyve's own status" "$(cat "$T/status")" 1

start "unix:$T/gdb" -s 1,lpc -l com1,stdio -l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
	-o boot.cmdline="console=ttyS0 quiet panic=-1 tiny.run=sleep:5,poweroff"
wait_for 60 grep -q userland "$T/com1" || true
debug "set architecture i386:x86-64" "target remote $T/gdb" 'p/x $cr0' "info threads" 'x/2i $rip' stepi stepi detach
t_like "a running Linux guest stands, in long mode with paging" "$con" '\$1 = 0x8005003[0-9a-f]'
t_like "its processor is a thread" "$con" 'Thread 1 \(vcpu0\)'
wait_for 60 test -s "$T/status" || true
t_is "left alone it goes on to power off" "$(cat "$T/status" 2>/dev/null)" 1
t_done
