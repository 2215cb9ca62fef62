#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=120
#
# zhyve by hand, outside any zone, with the tiny Linux guest (tests/host/tiny-init): it reaches user space by both ways of
# booting, sees its disk and network, and powers off, by itself and by the power button (its other ends are those of the guests of disks, virtio and
# ports; zhyve killed: bare).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

# start WORDS [ARGUMENT...]: a guest in the background that does WORDS; its console is $T/com1, its status $T/status.
start() {
	local words=$1
	shift
	rm -f "$T/status"
	: >"$T/com1"
	(
		st=0
		zhyve -m 512m -P -H -s 1,lpc -l com1,stdio -o \
			boot.cmdline="console=ttyS0 quiet panic=-1 tiny.run=$words" "$@" tiny \
			>"$T/com1" 2>"$T/zhyve.err" </dev/null || st=$?
		echo $st >"$T/status"
	) &
	job=$!
}

# ends SECONDS: the guest's exit status, or "still running" (then it is killed).
ends() {
	if wait_for "$1" test -s "$T/status"; then
		cat "$T/status"
	else
		pkill -KILL -x zhyve
		wait $job || true
		echo "still running"
	fi
}

console() {
	tr -d '\r' <"$T/com1"
	sed 's/^/zhyve says: /' "$T/zhyve.err"
}

elf=(-l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio")
bz=(-l "kernel,$cache/vmlinuz,initrd=$cache/tiny.cpio")

# One guest looks at everything, then powers off.
truncate -s 64M /zones/disk.raw
ip tuntap add dev tap0 mode tap
t_atexit ip link del tap0
t_atexit rm -f /zones/disk.raw /zones/ro.raw
ip addr add 10.99.0.1/24 dev tap0
ip link set tap0 up
head -c 1M /dev/urandom >/zones/ro.raw
ro=$(sha256sum </zones/ro.raw | cut -d' ' -f1)
start cpus,mem,dmi,blk:vdb,blkfill:8,blkwrite:written-by-the-guest,blkread,rng,ip:10.99.0.2/24,ping:10.99.0.1,count:60,poweroff \
	-c 1 "${elf[@]}" -s 3,virtio-blk,/zones/disk.raw -s 4,virtio-blk,/zones/ro.raw,ro,ser=TINY-0001 \
	-s 5,virtio-net-viona,tap0,mac=02:08:20:01:02:03 -s 6,virtio-rnd
st=$(ends 90)
con=$(console)
t_is "an ELF kernel by PVH: power-off ends zhyve with status 1" "$st" 1
t_like "it reaches user space" "$con" 'zhyve-tiny: userland'
t_like "one vCPU" "$con" 'zhyve-tiny: cpus: 1$'
t_like "the memory asked for" "$con" 'zhyve-tiny: mem: (4[6-9]|5[0-2])[0-9]{4} KiB'
t_like "a read-only disk with its serial number and content" "$con" \
	"blk: vdb size=1048576 ro=1 serial=TINY-0001 sha256=$ro"
t_like "8 MiB written, flushed and read back" "$con" 'blkfill: 8 MiB ok'
t_is "what the guest wrote is in the file" "$(head -c 20 /zones/disk.raw)" written-by-the-guest
t_is "the read-only disk is unchanged" "$(sha256sum </zones/ro.raw | cut -d' ' -f1)" "$ro"
t_like "entropy" "$con" 'rng: [0-9a-f]{64}$'
t_like "the network interface has the MAC address given" "$con" 'ip: 10.99.0.2/24 02:08:20:01:02:03'
t_like "the guest pings the host" "$con" 'ping: 10.99.0.1 answers'
t_is "60 lines of output arrive whole" "$(grep -cE '^zhyve-tiny: count [0-9]{8} \.+$' <<<"$con")" 60

# The power button: SIGTERM asks the guest, which powers off by itself. bzImage, two vCPUs.
start cpus,sleep:60,echo:too-late -c 2 "${bz[@]}"
wait_for 90 grep -q 'cpus: ' "$T/com1" || true
t_like "a bzImage by the 64-bit protocol, with two vCPUs" "$(console)" 'zhyve-tiny: cpus: 2$'
pkill -TERM -x zhyve || true
t_is "SIGTERM presses the power button, and the guest powers off" "$(ends 40)" 1
t_is "no process is left" "$(pgrep -c -x zhyve || true)" 0
t_done
