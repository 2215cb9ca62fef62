#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=240
#
# Disks, nics and entropy under a stock kernel: what the guest reads and sends is, byte for byte, what the host has and gets.
# One boot of a tiny guest, with a disk for each way to do I/O and a nic for each way to move frames.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

t_run "vhost-net polls its queues as long as it is told" 0 "${BUILD:-$top/build}/tests/unit/backend/test_backend_tap"
t_like "and was asked" "$t_out$t_err" 'OK \] test_vhost_polls'

zones=/zones
for d in uring thread ro; do truncate -s 12M "$T/$d.raw"; done
truncate -s 12M $zones/direct.raw
t_atexit rm -f $zones/direct.raw
head -c 3000000 /dev/urandom | dd of="$T/ro.raw" conv=notrunc 2>/dev/null
ro_sum=$(sha256sum <"$T/ro.raw" | cut -d' ' -f1)

for i in 0 1; do
	ip tuntap add dev zvt$i mode tap vnet_hdr
	t_atexit ip link del zvt$i
	ip addr add 10.77.$i.1/24 dev zvt$i
	ip link set zvt$i up
done

# Servers for both nics, which send 8 MiB.
head -c 8388608 /dev/urandom >"$T/net"
for i in 0 1; do
	python3 "$top/tests/host/serve.py" 10.77.$i.1 "$T/net" "$T/got$i" &
	t_atexit kill $!
done

words=blkfill:10:vda,blkfill:6:vdb,blkfill:6:vdc,blkwrite:END-OF-TEST:vda
words=$words,blk:vda,blk:vdb,blk:vdc,blk:vdd,blkwrite:NO:vdd,rng
for i in 0 1; do
	words=$words,ip:10.77.$i.2/24:eth$i,ping:10.77.$i.1,netsum:10.77.$i.1:7001,netsend:10.77.$i.1:7002:8
done
(
	# Whether the kernel serves the second nic shows while the guest runs.
	for _ in $(seq 600); do
		pgrep '^vhost-' >/dev/null && { echo yes >"$T/vhost"; break; }
		sleep 0.2
	done
) &
t_atexit kill $!
t_run "a guest with four disks, two nics and entropy runs to its power-off" 1 timeout 170 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio \
	-s "3,virtio-blk,$T/uring.raw,serial=DISK-URING,queues=2" -s "4,virtio-blk,$T/thread.raw,uring=false,sync" \
	-s 5,virtio-blk,$zones/direct.raw,nocache,sectorsize=4096 -s "6,virtio-blk,$T/ro.raw,ro" -s 7,virtio-rnd \
	-s 8,virtio-net-viona,zvt0,mac=02:08:20:00:00:10 -s 9,virtio-net-viona,zvt1,mac=02:08:20:00:00:11,vhost=on,poll_us=50,mtu=1400 \
	-l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
	-o boot.cmdline="$quick tiny.run=$words,poweroff" virtio
out=$(tr -d '\r' <<<"$t_out")

said() { # WORD REGEX: the line that the guest printed for it
	grep -E "zhyve-tiny: $1: $2" <<<"$out" | tail -n 1
}
for d in vda vdb vdc; do
	[ $d = vda ] && n=10 || n=6
	t_like "$d keeps what is written" "$out" "blkfill: $n MiB ok"
done
i=0
for f in "$T/uring.raw" "$T/thread.raw" $zones/direct.raw "$T/ro.raw"; do
	d=vd$(printf %b "\\$(printf %o $((97 + i)))")
	have=$(said blk "$d " | sed 's/.*sha256=//')
	t_is "$d: the guest reads what is in ${f##*/}" "$have" "$(sha256sum <"$f" | cut -d' ' -f1)"
	i=$((i + 1))
done
t_is "the last write before the end is on the disk" "$(head -c 11 "$T/uring.raw" | tr -d '\0')" END-OF-TEST
t_like "a disk says its serial" "$(said blk 'vda ')" 'serial=DISK-URING'
t_like "a read-only disk says so" "$(said blk 'vdd ')" 'ro=1'
t_is "a read-only disk is not written" "$(sha256sum <"$T/ro.raw" | cut -d' ' -f1)" "$ro_sum"
t_like "entropy flows" "$(said rng '')" 'rng: [0-9a-f]{64}'
sum=$(sha256sum <"$T/net" | cut -d' ' -f1)
for i in 0 1; do
	[ $i = 0 ] && how="served by zhyve" || how="served by vhost-net"
	t_like "nic $how: its address" "$out" "ip: 10.77.$i.2/24 02:08:20:00:00:1$i"
	t_like "nic $how: the host answers" "$out" "ping: 10.77.$i.1 answers"
	t_is "nic $how: 8 MiB arrive in the guest unharmed" \
		"$(grep -E 'zhyve-tiny: netsum' <<<"$out" | sed -n "$((i + 1))s/.*: //p")" "$sum"
	t_is "nic $how: 8 MiB arrive on the host unharmed" \
		"$(cat "$T/got$i" 2>/dev/null || echo nothing)" "$(grep -E 'zhyve-tiny: netsend' <<<"$out" | sed -n "$((i + 1))s/.*: //p")"
done
# Without message interrupts: devices share lines, and vhost-net's interrupts come by way of zhyve.
t_run "a guest without MSI runs to its reset, which is status 0" 0 timeout 100 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio -s "3,virtio-blk,$T/uring.raw" -s 4,nvme,ram=8 \
	-s 8,virtio-net-viona,zvt0 -s 9,virtio-net-viona,zvt1,vhost=on -l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
	-o boot.cmdline="$quick pci=nomsi tiny.run=blkfill:2,blkfill:3:nvme0n1,ip:10.77.0.2/24:eth0,ping:10.77.0.1,ip:10.77.1.2/24:eth1,ping:10.77.1.1,reboot" \
	virtio
t_like "its disk works" "$t_out" 'blkfill: 2 MiB ok'
t_like "its NVMe works" "$t_out" 'blkfill: 3 MiB ok'
for i in 0 1; do t_like "its nic $i works" "$t_out" "ping: 10.77.$i.1 answers"; done
t_is "vhost-net had the second nic" "$(cat "$T/vhost" 2>/dev/null || true)" yes
t_done
