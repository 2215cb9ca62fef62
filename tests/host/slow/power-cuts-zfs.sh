#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=400 needs=zfs
#
# Power cuts (see power-cuts.sh) under a pool of zfs's: what a guest flushed to a zvol, snapshots, a rollback past one of them, growth and end. After each
# cut the zpool is imported as imgadm(8) does it, which is most of a cut's twenty seconds in the virtual host.
#
# CUTS=N: so many (15).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
cuts=${CUTS:-15}
if ! "$top/tests/host/zfs" --load; then
	t_skip "power cuts under zfs" "this kernel has none (tests/host/zfs makes it)"
	t_done
fi
# shellcheck source=tests/host/cutdisk.sh
. "$(dirname "$0")/../cutdisk.sh"

# Zone paths are on the file system of the configuration.
mount_files() { mount "$loop0" /etc/zones && mkdir -p /etc/zones/.zones && mount --bind /etc/zones/.zones /zones; }
on() { mount_files && imgadm pool mount; }
off() {
	pkill -9 -x zoneadmd || true # nobody else is here
	umount /zones
	umount /etc/zones
	wait_for 20 zpool export zones
	rm -rf /dev/zvol # links, whose devices come back with other numbers
}
format() {
	mkfs.ext4 -q "$loop0"
	mount_files
	imgadm pool create -d zfs "$loop"
}
# device: the volume's, under the kernel's name, into $device. Nobody but zhyve makes links here.
device() {
	local d
	for d in /dev/zd*; do
		[ "$(/lib/udev/zvol_id "$d" 2>/dev/null)" != "zones/$uuid/disk0" ] || device=$d
	done
	[ -n "$device" ]
}
there() { # BATCHES
	device=
	wait_for 10 device || { echo "there is no volume"; zfs list -t all; return 1; }
	"$written" "$device" "$1"
}
flush() { # FIRST LAST: batches of writes
	local first=$1
	device=
	wait_for 10 device
	"$top/build/tests/host/flusher" "$device" "$first" "$2" | while read -r line; do mark "$line"; done
}
is_stopped() { [ "$(vmadm list -H -o state "uuid=$uuid")" = stopped ]; }
roll_back() { vmadm rollback-snapshot "$uuid" one && wait_for 20 is_stopped; } # it starts, and ends at once
boots() { zonecfg -u "$uuid" "select attr name=kernel; set value=$top/build/tests/guest/$1.elf; end; commit"; }
size() { zfs get -Hp -o value volsize "zones/$uuid/disk0"; }

check() { # made | flushed N | rolling | WORD...
	local size=67108864
	sane || return
	[ "$(zpool status -x zones)" = "pool 'zones' is healthy" ] || { zpool status -v zones; return 1; }
	case $1 in
	made) return 0 ;;
	flushed)
		there $((16#$2))
		return
		;;
	rolling) roll_back && there "$guest" || return ;;
	snapshot | two | rolled | growing) there "$guest" || return ;;
	grown) there "$guest" && size=134217728 || return ;;
	deleting)
		vmadm delete "$uuid" || [ "$(vmadm list -H | wc -l)" = 0 ] || return
		[ "$(vmadm list -H | wc -l)" = 0 ]
		return
		;;
	gone)
		[ "$(zfs list -H -o name -r -t all zones)" = zones ] || { zfs list -t all; return 1; }
		[ "$(vmadm list -H | wc -l)" = 0 ]
		return
		;;
	esac
	[ "$1" = growing ] || [ "$(size)" = $size ] || { size; return 1; }
	vmadm get "$uuid" | jq -e 'any(.snapshots[]; .name == "one")' >/dev/null || { echo "the snapshot is lost"; return 1; }
	# It can go on.
	vmadm create-snapshot "$uuid" after
}

new_disk zfs
jq -n '{brand: "bhyve", alias: "zfs", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 64}]}' >"$T/vm.json"
new_vm "$T/vm.json" writer
volume=$(vmadm get "$uuid" | jq -r '.disks[0].path')
sync
made=$("$cutdisk" count "$T/zfs.log")
t_run "start" 0 vmadm start "$uuid"
follow "$z/logs/console.log"
wait_for 60 more flushed 80 || t_fail "the guest writes" "$(tail -n 3 "$z/logs/console.log" "$z/logs/platform.log")"
unfollow
t_run "stop" 0 vmadm stop -F "$uuid"
guest=$((16#$(said flushed | tail -n 1)))
t_run "what the guest flushed is there" 0 there $guest
boots hello
mark "flushed $(printf %x $guest)"
t_run "snapshot" 0 vmadm create-snapshot "$uuid" one
mark snapshot
flush $((guest + 1)) $((guest + 20))
t_run "another" 0 vmadm create-snapshot "$uuid" two
mark two
flush $((guest + 21)) $((guest + 30))
mark rolling
t_run "rollback past it" 0 roll_back
mark rolled
finish zfs check
t_done
