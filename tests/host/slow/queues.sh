#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=90
#
# What a stock kernel with two processors does with a nic of two pairs of queues: each processor has its own pair. And what the host has
# of the memory that the guest frees (free page reporting). One boot of a tiny guest.
#
# Not part of `make check`. In the virtual host: tests/host/run -t 180 -- bash tests/host/slow/queues.sh
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

tiny_with "$T/initrd" "virtio_pci virtio_net virtio_balloon" <<'SH'
interrupts() { # QUEUE: how many its processors have had
	awk -v q="virtio[0-9]*-$1$" '$NF ~ q { n = 0; for (i = 2; i < 4; i++) n += $i; print n }' /proc/interrupts
}
ip addr add 10.77.6.2/24 dev eth0
ip link set eth0 up
echo "guest: cpus $(nproc) queues $(ls /sys/class/net/eth0/queues | grep -c rx)"
ping -c 2 -W 5 10.77.6.1 >/dev/null
for cpu in 0 1; do
	before="$(interrupts input.0) $(interrupts input.1)"
	taskset $((1 << cpu)) ping -i 0.05 -c 20 -W 5 10.77.6.1 | grep -q ' 0% packet loss' && lost=none || lost=some
	set -- $before "$(interrupts input.0)" "$(interrupts input.1)"
	echo "guest: processor $cpu input.0 $(($3 - $1)) input.1 $(($4 - $2)) lost $lost"
done
taskset 2 nc 10.77.6.1 7001 </dev/null | sha256sum | sed 's/^/guest: sum /'
dd if=/dev/urandom of=/tmp/seed bs=1M count=1 2>/dev/null
for i in $(seq 160); do cat /tmp/seed; done >/tmp/big
echo "guest: full"
nc 10.77.6.1 7003 </dev/null # until the host has looked
rm /tmp/big
echo "guest: free"
nc 10.77.6.1 7004 </dev/null
echo "guest: end"
sleep 0.5
poweroff -f
SH

ip tuntap add dev zvt6 mode tap vnet_hdr multi_queue
t_atexit ip link del zvt6
ip addr add 10.77.6.1/24 dev zvt6
ip link set zvt6 up
head -c 4194304 /dev/urandom >"$T/net"
socat -u "OPEN:$T/net" TCP-LISTEN:7001,bind=10.77.6.1,reuseaddr &
t_atexit kill $!
for port in 7003 7004; do # says nothing and ends when the file is there
	socat -u SYSTEM:"while [ ! -e $T/go.$port ]; do sleep 0.1; done" TCP-LISTEN:$port,bind=10.77.6.1,reuseaddr &
	t_atexit kill $!
done

(
	st=0
	timeout -k 5 200 zhyve -m 384m -c 2 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio -s 4,virtio-balloon \
		-s 6,virtio-net-viona,zvt6,qpair=2 -l "kernel,$cache/vmlinux,initrd=$T/initrd" \
		-o boot.cmdline="console=ttyS0 quiet" queues >"$T/com1" 2>"$T/err" </dev/null || st=$?
	echo $st >"$T/status"
) &
ram() { # MiB that the host has given to the guest's memory, as the memory's own object counts it
	local fd
	fd=$(find "/proc/$1/fd" -maxdepth 1 -lname '/memfd:guest-ram*' | head -n 1 || true)
	[ -n "$fd" ] || fd=/dev/null # it has ended
	echo $(($(stat -L -c %b "$fd") / 2048))
}
shrunk() { # PID MIB: it has less
	[ "$(ram "$1")" -lt "$2" ]
}
pss() { awk '/^Pss:/ { print int($2 / 1024) }' "/proc/$1/smaps_rollup" 2>/dev/null || true; }
full=0 left=0
if wait_for 180 grep -q 'guest: full' "$T/com1"; then
	pid=$(pgrep -x zhyve | head -n 1 || true)
	full=$(ram "$pid") full_pss=$(pss "$pid")
	touch "$T/go.7003"
	wait_for 40 shrunk "$pid" $((full - 100)) || true
	left=$(ram "$pid") left_pss=$(pss "$pid")
	echo "# of the guest's memory the host has $full MiB, and $left MiB after 160 MiB were freed; PSS $full_pss, $left_pss MiB"
fi
touch "$T/go.7003" "$T/go.7004"
wait_for 60 test -s "$T/status" || true
out=$(tr -d '\r' <"$T/com1")

st=$(cat "$T/status" 2>/dev/null || echo "still running")
[ "$st" = 1 ] || sed 's/^/# /' "$T/com1"
t_is "a guest with two processors runs to its power-off" "$st" 1
t_like "two processors use two pairs of queues" "$out" 'guest: cpus 2 queues 2'
t_like "what the first sends is answered in its queue" "$out" 'guest: processor 0 input.0 [1-9][0-9] .* lost none'
t_like "what the second sends, in the second's" "$out" 'guest: processor 1 input.0 [0-9]+ input.1 [1-9][0-9] lost none'
t_is "4 MiB arrive by the second pair unharmed" "$(sed -n 's/.*guest: sum \([0-9a-f]*\).*/\1/p' <<<"$out")" "$(sha256sum <"$T/net" | cut -d' ' -f1)"
# What lies scattered is reported when it comes together; of 160 MiB most does at once.
t_is "what the guest frees is the host's again" "$([ "$full" -gt 160 ] && [ "$left" -lt $((full - 100)) ] && [ "$left" -gt 0 ] && echo yes || echo "$full, $left MiB")" yes
t_is "no complaints" "$(cat "$T/err")" ""
t_done
