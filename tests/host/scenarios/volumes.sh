#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=10 kernel=any
#
# One suite (tests/host/volumes.c) for every volume driver: files that are copied, files on an XFS of imgadm pool create, lvm's thin volumes,
# zfs's zvols. What this kernel has not is said; tests/host/slow/volumes.sh runs all of it in the virtual host.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

suite() { # DRIVER [instant]
	local st=0 line
	"$top/build/tests/host/volumes" "$@" >"$T/suite" || st=$?
	while read -r line; do
		case $line in
		ok*) t_ok "${line#ok - }" ;;
		not*) t_fail "${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done <"$T/suite"
	t_is "$1: the suite ran to its end" "$st" 0
}
field() { imgadm pool list -p | cut -d: -f"$1"; }

# Where the pool's file is: not on this root, which may be an overlay of memory.
mkdir -p /var/lib/zones
mount -t tmpfs -o size=2g pool /var/lib/zones
t_atexit umount -l /var/lib/zones
umount -l /zones
mount -t tmpfs zones /zones
suite copied
rm -rf /zones/*
t_run "a pool is not made where a file system is mounted" 1 imgadm pool create -s 600m
t_like "and why is said" "$t_err" 'mounted .* already'
umount /zones

t_run "a pool too large for its disk is refused" 1 imgadm pool create -s 50g
t_like "with the room there is" "$t_err" 'no space: the pool needs 51200 MiB'
t_is "and leaves nothing" "$(ls /var/lib/zones)" ""
t_run "an unknown driver is refused" 1 imgadm pool create -d floppy -s 1g
t_run "a pool in a file" 0 imgadm pool create -s 600m
t_run "there is one only" 1 imgadm pool create -s 600m
t_is "its driver, clones, health" "$(field 2,5,6)" file:shared:ok
umount /zones
t_is "it is mounted again when it is wanted" "$(field 5) $(findmnt -n -o FSTYPE /zones)" "shared xfs"
suite reflink instant
t_run "with zones' folders in it, it is not deleted" 1 imgadm pool delete
t_like "and why is said" "$t_err" 'is not empty'
rm -rf /zones/[!i]*
t_run "it is deleted" 0 imgadm pool delete
t_is "with its file, mount and loop device" "$(ls /var/lib/zones; ls /etc/zones/pool.json 2>/dev/null; findmnt -n /zones; losetup -a | grep pool.img)" ""

if [ ! -x /usr/sbin/lvm ]; then
	t_skip "lvm" "lvm2 is not installed"
elif ! modprobe dm-thin-pool 2>/dev/null; then
	t_skip "lvm" "this kernel has no thin pools"
else
	t_run "a pool of lvm's in a file" 0 imgadm pool create -d lvm -s 600m
	t_is "its driver, clones, health" "$(field 2,5,6)" lvm:shared:ok
	suite lvm instant
	t_is "nothing is left but the pool" "$(lvm lvs --noheadings -o lv_name zones | tr -d ' ')" pool
	vgchange -qq -an zones
	wait_for 5 sh -c '! losetup -a | grep -q pool.img' || true
	t_is "it comes back when it is wanted" "$(field 2,6)" lvm:ok
	t_run "it is deleted" 0 imgadm pool delete
	t_is "with its file" "$(ls /var/lib/zones)" ""
fi

rm -rf /zones/[!i]*
if ! "$top/tests/host/zfs" --load; then
	t_skip "zfs" "this kernel has none (tests/host/zfs makes it for the virtual host's; make check-all runs that)"
else
	t_run "a pool of zfs's in a file" 0 imgadm pool create -d zfs -s 600m
	t_is "its driver, clones, health" "$(field 2,5,6)" zfs:shared:ok
	suite zfs instant
	t_is "nothing is left but the pool" "$(zfs list -H -t all -o name)" zones
	zfs create -s -V 1m zones/stray
	zpool export zones
	wait_for 5 sh -c '! losetup -a | grep -q pool.img' || true
	t_is "it comes back when it is wanted" "$(field 2,6)" zfs:ok
	t_run "with volumes that no zone knows it is not deleted" 1 imgadm pool delete
	t_like "and which is said" "$t_err" "'zones/stray'"
	zfs destroy zones/stray
	t_run "it is deleted" 0 imgadm pool delete
	t_is "with its file" "$(ls /var/lib/zones)" ""

	rm -rf /zones/[!i]*
	truncate -s 300m /var/lib/zones/tank
	zpool create -m none tank /var/lib/zones/tank
	t_run "a pool in a zpool that is there" 0 imgadm pool create -d zfs tank/vm
	t_is "its driver, clones, health" "$(field 2,5,6)" zfs:shared:ok
	suite zfs instant
	t_run "another dataset of it is refused" 1 imgadm pool create -d zfs tank/other
	t_run "it is deleted" 0 imgadm pool delete
	t_is "and nothing else" "$(zfs list -H -o name)" tank
	rm -rf /zones/[!i]*
	t_run "one that is there already is not taken" 1 imgadm pool create -d zfs tank
	t_like "and why is said" "$t_err" "'tank' is there already"
	zpool destroy tank

	# Of a whole disk zpool makes partitions, and waits until udev knows them. The one that was /zones has an XFS on it.
	if [ ! -x /lib/systemd/systemd-udevd ]; then
		t_skip "a whole disk" "udev is not installed"
	else
		/lib/systemd/systemd-udevd --daemon
		t_atexit udevadm control --exit
		t_run "a disk with something on it is not taken" 1 imgadm pool create -d zfs /dev/vda
		t_like "and what is said" "$t_err" "'/dev/vda' has something on it \(xfs\)"
		t_run "but with -f it is" 0 imgadm pool create -f -d zfs /dev/vda
		t_is "its driver, clones, health" "$(field 2,5,6)" zfs:shared:ok
		t_like "on a partition of it" "$(zpool list -H -P -v zones)" '/dev/vda1'
		zpool export zones
		t_is "it comes back when it is wanted" "$(field 2,6)" zfs:ok
		t_run "it is deleted" 0 imgadm pool delete
		t_run "and its partitions are something on the disk" 1 imgadm pool create -d zfs /dev/vda
		t_like "which is said" "$t_err" "'/dev/vda' has something on it \(gpt\)"
	fi
fi
t_done
