#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=120
#
# Disks of other kinds than plain files under virtio-blk: NVMe on a file and on a block device, a block device with bad sectors, and
# disks that grow while a stock kernel uses them. One boot of a tiny guest.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

zones=/zones
for d in loop grow; do
	truncate -s 32M $zones/$d.raw
	t_atexit rm -f $zones/$d.raw
done
truncate -s 32M "$T/vda.raw" "$T/bad.raw"
loop=$(losetup -f --show $zones/loop.raw)
t_atexit losetup -d "$loop"
bad=$(losetup -f --show "$T/bad.raw")
t_atexit losetup -d "$bad"
modprobe dm-mod
printf '0 1000 linear %s 0\n1000 8 error\n1008 64528 linear %s 1008\n' "$bad" "$bad" | dmsetup create --noudevsync zhyvebad
t_atexit dmsetup remove --noudevsync zhyvebad
dm=/dev/$(dmsetup info -c --noheadings -o blkdevname zhyvebad)

(
	# The files grow once the guest says that it waits for it.
	wait_for 90 grep -q 'grown: waits vda' "$T/out"
	truncate -s 48M "$T/vda.raw" $zones/grow.raw
	pkill -USR2 -x zhyve
) &
t_atexit kill $!
t_run "a guest with two NVMe and two virtio disks runs until it halts, which is status 2" 2 timeout 110 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio -s "3,virtio-blk,$T/vda.raw" \
	-s "4,virtio-blk,$dm" -s "5,nvme,$loop,ser=LOOP" \
	-s 6,nvme,$zones/grow.raw,sectsz=4096,nocache,ser=GROW,maxq=1 \
	-l "kernel,$cache/vmlinux,initrd=$cache/tiny.cpio" \
	-o boot.cmdline="$quick tiny.run=fs:nvme0n1,blk:nvme0n1,blkfill:8:nvme1n1,bad:1000:vdb,grown:48:vda,grown:48:nvme1n1,trim:nvme1n1,halt" \
	disks
out=$(tr -d '\r' <<<"$t_out")
t_like "a filesystem on NVMe keeps its file" "$out" 'fs: nvme0n1 keeps a file'
t_like "and is trimmed" "$out" 'fs: /mnt: [1-9][0-9]* bytes'
t_is "the space of its file is free again" "$([ "$(du -k $zones/loop.raw | cut -f1)" -lt 6000 ] && echo yes || du -k $zones/loop.raw)" yes
have=$(grep -E 'blk: nvme0n1 ' <<<"$out" | sed 's/.*sha256=//')
t_is "the guest reads what is on the block device" "$have" "$(sha256sum <"$loop" | cut -d' ' -f1)"
t_like "NVMe says its serial" "$out" 'blk: nvme0n1 .*serial=LOOP'
t_like "NVMe with sectors of 4096 bytes keeps what is written" "$out" 'blkfill: 8 MiB ok'
t_like "a bad sector is the guest's error, and no more" "$out" 'bad: sector 1000 fails, sector 0 works'
for d in vda nvme1n1; do t_like "$d grows under the guest" "$out" "grown: $d 50331648"; done
t_like "the larger disk can be trimmed" "$out" 'trim: ok'
t_is "and is empty on the host" "$(du -k $zones/grow.raw | cut -f1)" 0
t_like "zhyve says what went wrong on the bad disk" "$t_err" "disk '$dm': read at byte 512000"
t_done
