#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=150
#
# Device processes by hand, under a Linux guest: its disk is zhyve-blk, killed again and again while the disk is filled and read back, its
# nic is zhyve-net, killed under what is sent through it, and its file system is Debian's virtiofsd. One boot of a tiny guest.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

blk=/usr/lib/zones/zhyve-blk
truncate -s 24M "$T/disk.raw"

# The guest's modules for virtio-fs, and what it does with it, behind its own initramfs.
mkdir -p "$T/stage/fs" "$T/share"
echo "from the host" >"$T/share/hello"
for m in fuse virtiofs; do cp "$(modinfo -n $m)" "$T/stage/fs/$m.ko"; done
cat >"$T/stage/fs/run" <<'END'
#!/bin/sh
insmod /fs/fuse.ko 2>/dev/null
insmod /fs/virtiofs.ko && mkdir -p /share && mount -t virtiofs shared /share || echo "fs: cannot mount"
echo "fs: $(cat /share/hello)"
echo "from the guest" >/share/answer
dd if=/dev/zero bs=1M count=2 2>/dev/null | sed 's/\x00/zhyve/g' | head -c 1048576 >/share/big
sync
echo "fs: $(sha256sum </share/big | cut -d' ' -f1)"
umount /share
END
chmod 755 "$T/stage/fs/run"
cp "$cache/tiny.cpio" "$T/initrd"
(cd "$T/stage" && find . | cpio -o -H newc --quiet) >>"$T/initrd"

/usr/lib/qemu/virtiofsd -f --socket-path="$T/fs.sock" -o source="$T/share" -o sandbox=chroot -o log_level=err >"$T/fs.log" 2>&1 &
t_atexit kill $!
wait_for 10 test -S "$T/fs.sock"
(
	n=0
	while [ ! -e "$T/end" ]; do
		"$blk" -c "$T/disk.sock" "$T/disk.raw,serial=PROCESS" 2>>"$T/blk.log" &
		p=$!
		while kill -0 $p 2>/dev/null; do
			sleep 0.4
			grep -q 'blk: vda' "$T/out" 2>/dev/null && [ $n -lt 8 ] || continue
			kill -9 $p 2>/dev/null && n=$((n + 1)) && echo $n >"$T/killed"
		done
		wait $p 2>/dev/null || true
	done
) 2>/dev/null &
t_atexit kill $!
# The nic: the host sends 1 MiB (port 7001) and takes 1 MiB (7002); its process is killed in the middle of
# the first and, when it is seen in time, of the other.
net=/usr/lib/zones/zhyve-net
ip tuntap add dev zvu0 mode tap vnet_hdr
t_atexit ip link del zvu0
ip addr add 10.79.0.1/24 dev zvu0
ip link set zvu0 up
head -c 1048576 /dev/urandom >"$T/net"
python3 "$top/tests/host/serve.py" 10.79.0.1 "$T/net" "$T/got" &
t_atexit kill $!
(
	over() { [ "$(cat /sys/class/net/zvu0/statistics/$1)" -gt 300000 ]; }
	until [ -S "$T/net.sock" ]; do sleep 0.05; done
	for at in tx_bytes rx_bytes ''; do # to the guest, from it
		"$net" -c "$T/net.sock" zvu0 2>>"$T/net.log" &
		p=$!
		while kill -0 $p 2>/dev/null; do
			sleep 0.05
			[ -z "$at" ] || ! over $at || { kill -9 $p && echo $at >>"$T/net-killed"; }
		done
		wait $p 2>/dev/null || true
	done
) 2>/dev/null &
t_atexit kill $!
t_run "a guest whose devices are processes runs to its power-off" 1 timeout 150 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio -s "3,vhost-user-blk,$T/disk.sock,server" \
	-s "4,vhost-user-fs,$T/fs.sock,tag=shared" -s "5,vhost-user-net,$T/net.sock,server" -l "kernel,$cache/vmlinux,initrd=$T/initrd" \
	-o boot.cmdline="console=ttyS0 quiet tiny.run=run:/fs/run,blk,uptime,blkfill:12,uptime,blkfill:14,uptime,blkwrite:last,ip:10.79.0.2/24,ping:10.79.0.1,netsum:10.79.0.1:7001,netsend:10.79.0.1:7002:1,poweroff" devices
touch "$T/end"
out=$(tr -d '\r' <<<"$t_out")
t_like "the guest reads the host's file" "$out" '^fs: from the host'
t_is "the host reads the guest's" "$(cat "$T/share/answer")" "from the guest"
t_like "a larger one is the same on both sides" "$out" "fs: $(sha256sum <"$T/share/big" | cut -d' ' -f1)"
t_like "the disk says its serial" "$out" 'blk: vda .*serial=PROCESS'
t_like "it was killed under the guest's writes" "$(cat "$T/killed")" '^[4-8]$'
t_like "and keeps what is written all the same" "$out" 'blkfill: 12 MiB ok'
t_like "and again" "$out" 'blkfill: 14 MiB ok'
t_like "the host answers through the nic" "$out" 'ping: 10.79.0.1 answers'
t_is "1 MiB arrive in the guest unharmed" "$(sed -n 's/.*zhyve-tiny: netsum.*: //p' <<<"$out")" "$(sha256sum <"$T/net" | cut -d' ' -f1)"
t_is "1 MiB arrive on the host unharmed" "$(cat "$T/got" 2>/dev/null || true)" "$(sed -n 's/.*zhyve-tiny: netsend: //p' <<<"$out")"
t_like "its process was killed meanwhile" "$(cat "$T/net-killed" 2>/dev/null || true)" '^tx_bytes$'
t_is "the last that was written is on the disk" "$(head -c 4 "$T/disk.raw")" last
t_done
