#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: mode=cx16 time=240
#
# What a Linux guest makes of processors and clocks: the I/O APIC of zhyve with neither 8259s nor PIT, an HPET, a named model, cores
# and threads. The model has cmpxchg16b, so this host has, too.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

run() { # OPTION...: boots the tiny guest; its console is in $con, its status in $st
	st=0
	timeout 110 zhyve -m 512m -P -H -s 1,lpc -l com1,stdio -l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
		-o boot.cmdline="console=ttyS0 panic=-1 tiny.run=cpus,sleep:1,poweroff" "$@" tiny \
		>"$T/com1" 2>"$T/err" </dev/null || st=$?
	con=$(tr -d '\r' <"$T/com1"; sed 's/^/zhyve says: /' "$T/err")
}

run -c cpus=2,cores=1,threads=2 -o x86.irqchip=split -o hpet=true -o cpu.model=x86-64-v2
t_is "a guest with split interrupt controllers powers off" "$st" 1
t_like "both threads are up" "$con" 'zhyve-tiny: cpus: 2$'
t_like "the I/O APIC is zhyve's" "$con" 'IOAPIC\[0\]: .* version 32, address 0xfec00000'
t_like "no 8259 is found" "$con" 'Using NULL legacy PIC'
t_like "the HPET is found" "$con" 'hpet0: 8 comparators, 32-bit 16.777216 MHz counter'
t_like "and would be a clock" "$con" 'clocksource: hpet: mask: 0xffffffff'
t_like "serial interrupts come through it" "$con" 'ttyS0 at I/O 0x3f8 \(irq = 4'
if grep -q 'x86/fpu: x87 FPU will use FXSAVE' <<<"$con"; then
	t_ok "the model has no XSAVE, and its state no consistency problem"
else
	t_like "the model has no XSAVE, and its state no consistency problem" "$con" 'x86/fpu: x87 FPU'
fi
grep -q 'XSAVE consistency problem' <<<"$con" && t_fail "no complaint about XSAVE" "$con"
t_done
