#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=300 needs=zfs
#
# A VM that goes from pool to pool by vmadm send and receive - files, lvm, zfs, files - and boots from the disk that came each time (a boot sector,
# by SeaBIOS), with another full of numbers beside it, whose compression and reservation go along and have effect where there is such a thing.
# What this kernel has not is said.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

mkdir -p /var/lib/zones
mount -t tmpfs -o size=2g pool /var/lib/zones
t_atexit umount -l /var/lib/zones
umount -l /zones
disk() { vmadm get "$uuid" | jq -r ".disks[$1].$2"; } # N MEMBER
numbers() { cut -d' ' -f1 <(head -c 24M "$(disk 1 path)" | sha256sum); }
# boots: from its first disk, to its end
boots() {
	local from
	from=$(stat -c %s "$z/logs/console.log" 2>/dev/null || echo 0)
	t_run "$1: it starts" 0 vmadm start "$uuid"
	wait_for 60 sh -c "vmadm list -H -o state uuid=$uuid | grep -q stopped" || t_fail "$1: it ends by itself"
	t_like "$1: from the disk that came" "$(tail -c +$((from + 1)) "$z/logs/console.log" | tr -d '\r\0')" 'boot sector of disk R'
}
leave() { # sent away, and all that was here is gone
	t_run "$1: it is sent" 0 sh -c "vmadm send $uuid >$T/stream"
	vmadm delete "$uuid" 2>/dev/null
	rm -rf /zones/[!i]*
	t_run "$1: the pool goes" 0 imgadm pool delete
}

imgadm pool create -s 600m >/dev/null
jq -n '{brand: "bhyve", ram: 64, autoboot: false, bootrom: "bios", disks: [{boot: true, model: "virtio", size: 2},
	{model: "nvme", size: 32, compression: "gzip-2", refreservation: 5}]}' >"$T/vm.json"
t_run "a VM" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* } z=/zones/${t_err##* }
# The container's cgroup may lack controllers.
for change in "clear cpu-shares" "clear max-lwps" "clear zfs-io-priority" "remove -F capped-memory"; do zonecfg -u "$uuid" "$change; commit"; done
dd if="$top/build/tests/guest/sector.img" of="$(disk 0 path)" conv=notrunc status=none
printf R | dd of="$(disk 0 path)" bs=1 seek=509 conv=notrunc status=none
seq 3000000 | head -c 20M | dd of="$(disk 1 path)" bs=1M seek=1 conv=notrunc iflag=fullblock status=none
want=$(numbers)
boots "files"
leave "files"
for driver in lvm zfs file; do
	case $driver in
	lvm) modprobe dm-thin-pool 2>/dev/null || { t_skip lvm "this kernel has no thin pools"; continue; } ;;
	zfs) "$top/tests/host/zfs" --load || { t_skip zfs "this kernel has none"; continue; } ;;
	esac
	t_run "a pool of $driver" 0 imgadm pool create -d $driver -s 600m
	t_run "$driver: the VM is received" 0 sh -c "vmadm receive <$T/stream"
	t_is "$driver: all that was on its disks is there" "$(numbers)" "$want"
	t_is "$driver: with what was kept of them" "$(disk 1 compression) $(disk 1 refreservation)" "gzip-2 5"
	[ $driver != zfs ] || t_is "zfs: which has effect here" "$(zfs get -H -p -o value compression,refreservation "$(disk 1 zfs_filesystem)" | paste -sd' ')" \
		"gzip-2 $((5 << 20))"
	boots $driver
	leave $driver
done
t_done
