#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=300
#
# A Linux guest with 64 vCPUs (2 sockets, 16 cores, 2 threads) in the virtual host. Not part of `make check`: 64 processors on an
# emulated computer with two take minutes. To run it, as root:
#
#   tests/host/run -t 600 -- bash tests/host/slow/cpus-64.sh [VCPUS [OPTION...]]
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
n=${1:-64}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- -c "cpus=$n,sockets=2,threads=2"

start=$SECONDS st=0
timeout 560 zhyve -m 1g -P -H -s 1,lpc -l com1,stdio -l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" "$@" \
	-o boot.cmdline="console=ttyS0 panic=-1 nowatchdog rcupdate.rcu_expedited=1 tiny.run=cpus,mem,poweroff" tiny \
	>"$T/com1" 2>"$T/err" </dev/null || st=$?
con=$(tr -d '\r' <"$T/com1"; sed 's/^/zhyve says: /' "$T/err")
echo "# $((SECONDS - start)) s from start to power-off"
grep -E 'smp: Brought up|Total of|zhyve-tiny|irqchip|IOAPIC\[' <<<"$con" | sed 's/^/# /' || true
t_is "the guest powers off" "$st" 1
t_like "all $n processors are up" "$con" "zhyve-tiny: cpus: $n\$"
t_done
