#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=400 kernel=any
#
# Power cuts: /zones and /etc/zones are on a disk (tests/host/cutdisk.c) whose volatile cache is lost at any moment, requests that were not
# flushed kept, lost or torn by chance. After each cut the file system is mounted again, and everything has to be there that somebody was told was on
# stable storage: what a guest flushed (its disk a thread of zhyve or a process of its own), configurations, images, snapshots.
#
# CUTS=N: so many of each kind (50). The cuts are at fixed places of a log that is another one in each run.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

cuts=${CUTS:-50} mib=512
cutdisk=$top/build/tests/host/cutdisk written=$top/build/tests/host/written
disk=$T/disk
mkdir -p "$disk"
umount -l /zones
umount -l /etc/zones 2>/dev/null || true

# on DEVICE: /zones and /etc/zones are there. off: and gone.
on() {
	mount -o discard "$1" /zones || return 1
	mkdir -p /zones/.etc
	mount --bind /zones/.etc /etc/zones
}
off() {
	umount /etc/zones && wait_for 10 umount /zones
}
mark() { echo "$*" >"$disk/control"; }
# new_disk NAME: empty, formatted, mounted; what happens to it from now on is in $T/NAME.log
new_disk() {
	"$cutdisk" serve "$disk" "$T/store" "$T/$1.log" $mib &
	server=$!
	wait_for 10 mountpoint -q "$disk"
	loop=$(losetup -f --show --direct-io=on "$disk/disk")
	mkfs.xfs -q -m reflink=1 "$loop"
	on "$loop"
	sync
	mark made
	made=$("$cutdisk" count "$T/$1.log")
}
end_disk() {
	off
	losetup -d "$loop"
	wait_for 10 umount "$disk"
	wait $server
	rm -f "$T/store"
}
t_atexit "umount -l /etc/zones; umount -l /zones; umount -l $disk; losetup -d \$loop"

new_vm() { # FILE-OF-JSON: created, its payload the kernel; $uuid and $z
	uuid=$(vmadm create -f "$1" 2>&1 | sed -n 's/.* //p')
	z=/zones/$uuid
	# The container's cgroup may lack controllers.
	for change in "add attr; set name=kernel; set type=string; set value=$top/build/tests/guest/writer.elf; end" "clear cpu-shares" "clear max-lwps" \
		"clear zfs-io-priority" "remove -F capped-memory"; do
		zonecfg -u "$uuid" "$change; commit"
	done
}

# every NAME CHECK: $cuts cuts of a log. CHECK has the disk at /zones and the last mark in its arguments, and says what is lost.
every() {
	local name=$1 check=$2 log=$T/$1.log n i at m loose lost losses="" unflushed=0 gone=0
	n=$("$cutdisk" count "$log")
	for i in $(seq "$cuts"); do
		at=$((made + 1 + (n - made) * i / cuts - (i * 7919) % ((n - made) / cuts + 1)))
		read -r m loose lost < <("$cutdisk" cut "$log" "$T/cut" $mib "$at" "$i" | sed 's/ \([0-9]*\) \([0-9]*\)$/\t\1\t\2/' | tr ' \t' '_ ')
		unflushed=$((unflushed + loose)) gone=$((gone + lost))
		loop=$(losetup -f --show "$T/cut")
		if on "$loop" 2>"$T/mount"; then
			# shellcheck disable=SC2086  # words
			$check ${m//_/ } >"$T/check" 2>&1 || losses+="cut $i, before entry $at of $n, after '$m': $(head -n 6 "$T/check")"$'\n'
			off || losses+="cut $i: somebody is left"$'\n'
		else
			losses+="cut $i, before entry $at of $n: $(cat "$T/mount")"$'\n'
		fi
		losetup -d "$loop"
		rm -rf /run/zones/*
	done
	t_is "$name: $cuts cuts, nothing lost" "$losses" ""
	echo "# $name: $n entries; of $unflushed requests that no flush had followed, $gone were lost or torn"
}

# What has to be so after any cut.
sane() {
	local out
	out=$(zoneadm list -cp 2>&1 && vmadm list -H 2>&1 && imgadm list 2>&1) || { echo "$out"; return 1; }
	! grep -iE 'damaged|cannot|error' <<<"$out"
}

# ---- a guest ----

after_guest() { # made | flushed N
	sane || return
	[ "$1" = flushed ] || return 0
	"$written" "$z/disk0.raw" $((16#$2))
}
far() { grep -q '^flushed a' <(tail -n 1 "$z/logs/console.log" | tr -d '\r') && [ "$(wc -l <"$z/logs/console.log")" -gt 160 ]; }
guest() { # DISK-PROCESS NAME
	new_disk "$2"
	jq -n '{brand: "bhyve", alias: "writer", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 64}]}' >"$T/vm.json"
	new_vm "$T/vm.json"
	zonecfg -u "$uuid" "remove -F attr name=disk-process; add attr; set name=disk-process; set type=string; set value=$1; end; commit"
	sync
	made=$("$cutdisk" count "$T/$2.log")
	t_run "$2: start" 0 vmadm start "$uuid"
	exec 7< <(exec tail -n +1 -F "$z/logs/console.log" 2>/dev/null)
	tail=$!
	while read -r line <&7; do [[ $line != flushed* ]] || mark "${line%$'\r'}"; done &
	wait_for 60 far || t_fail "$2: the guest writes" "$(tail -n 3 "$z/logs/console.log" "$z/logs/platform.log")"
	# Everything ends at once.
	pkill -9 -f "zoneadmd.*$uuid" || true
	zoneadm list >/dev/null
	kill $tail
	exec 7<&-
	last=$(tr -d '\r' <"$z/logs/console.log" | sed -n 's/^flushed //p' | tail -n 1)
	t_run "$2: all killed after $((16#$last)) batches, nothing lost" 0 "$written" "$z/disk0.raw" $((16#$last))
	end_disk
	every "$2" after_guest
}
guest true process
guest false thread
t_done
