#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=130
#
# Debian's gdb at guests (zhyve -G) on a processor with virtualization: a program that is stepped through until a variable changes,
# breakpoints and watchpoints of the processor, breakpoints in code (int3); a Linux guest that is interrupted, looked at and left alone.
# What needs no such processor is tested on any /dev/kvm (tests/guest/gdb.sh).
#
# In the virtual host, some of it is skipped: QEMU's emulation of AMD-V (7.2) loads DR7 at VMRUN without arming the debug registers, and
# intercepts int3 as a software interrupt only, so neither reaches KVM. Single steps do, and with them gdb's software watchpoints.
#
# Not part of `make check`. In the virtual host: tests/host/run -t 260 -- bash tests/host/slow/gdb.sh; on a machine whose own /dev/kvm
# runs stock guests: ZHYVE_CACHE=... bash tests/host/slow/gdb.sh, as root, with the project installed.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
payload=$(ls "$top"/build*/tests/guest/debug.elf 2>/dev/null | head -n 1 || true)
[ -n "$payload" ] || { t_skip "gdb" "the payloads are not built"; t_done; }

debug() { # COMMAND...: gdb's output in $con
	local args=()
	for c; do args+=(-ex "$c"); done
	con=$(timeout 90 gdb -nx -batch -ex "set pagination off" -ex "set remotetimeout 30" "${args[@]}" 2>&1 || true)
}
start() { # OPTION...: a guest in the background
	rm -f "$T/gdb" "$T/status"
	(
		st=0
		timeout 200 zhyve -m 256m -G "$@" tiny >"$T/com1" 2>"$T/err" </dev/null || st=$?
		echo $st >"$T/status"
	) &
	wait_for 20 test -S "$T/gdb" || true
}
done_with_it() { # gdb has set `done`
	t_like "a write to the guest's memory ends it, and gdb is told its exit status" "$con" 'exited with code 01'
	wait_for 10 test -s "$T/status" || true
	t_is "zhyve's own status" "$(cat "$T/status")" 1
}

v='*(unsigned long *)' # the payload has symbols, but no types
start "unix:$T/gdb" -c 2 -l com1,stdio -l "kernel,$payload"
wait_for 20 grep -q ready "$T/com1" || true
debug "file $payload" "set can-use-hw-watchpoints 0" "target remote $T/gdb" "info threads" 'p/x $cr0' \
	"set \$before = $v&counter" 'p $before > 0' 'set $at = $rip' stepi 'p $rip != $at' \
	"watch $v&watched" c "p $v&watched == \$before * 2 || $v&watched == \$before * 2 + 2" delete "set var $v&done = 1" c
t_like "the other processor is a thread" "$con" 'Thread 2 \(vcpu1\)'
t_like "control registers" "$con" '\$1 = 0x8[0-9a-f]{7}$'
t_like "variables" "$con" '^\$2 = 1$'
t_like "one step goes on by one instruction" "$con" '^\$3 = 1$'
t_like "steps go on until a variable changes" "$con" '^Watchpoint 1: '
t_like "to the value that the program gives it" "$con" '^\$4 = 1$'
done_with_it

if [ -n "${ZHYVE_IN_HOST:-}" ]; then
	t_skip "the processor's debug registers and int3" "QEMU does not emulate them for nested guests"
else
	start "wunix:$T/gdb" -c 2 -l com1,stdio -l "kernel,$payload"
	debug "file $payload" "target remote $T/gdb" "hbreak guest_main" c delete \
		"watch $v&watched" c 'p $rip' 'x/1gx &watched' delete \
		"break called" c 'p $rdi' delete \
		"break called" "break writes" "break power_off" "break put_char" "break guest_main" "break long_mode" c c 'info registers rip' delete \
		"set var $v&done = 1" c
	t_like "a watchpoint stops at the write" "$con" 'Hardware watchpoint 2'
	t_like "and shows old and new value" "$con" 'New value = 2'
	t_like "a breakpoint stops with its argument" "$con" '\$2 = [0-9]+'
	t_is "six breakpoints at once stop at two functions in turn" "$(grep -cE 'hit Breakpoint [0-9]+, .* in (called|writes) \(\)' <<<"$con")" 3
	done_with_it
fi

start "unix:$T/gdb" -s 1,lpc -l com1,stdio -l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
	-o boot.cmdline="console=ttyS0 quiet panic=-1 tiny.run=sleep:40,poweroff" # gdb takes long to start, emulated
wait_for 100 grep -q userland "$T/com1" || true
debug "set architecture i386:x86-64" "target remote $T/gdb" 'p/x $cr0' "info threads" 'x/2i $rip' 'set $at = $rip' stepi stepi \
	'p $rip != $at' detach
t_like "a running Linux guest stands, in long mode with paging" "$con" '\$1 = 0x8005003[0-9a-f]'
t_like "its processor is a thread" "$con" 'Thread 1 \(vcpu0\)'
t_like "it is stepped" "$con" '^\$2 = 1$'
wait_for 100 test -s "$T/status" || true
t_is "left alone it goes on to power off" "$(cat "$T/status" 2>/dev/null)" 1
t_done
