# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What scenarios about bad disks share, after lib.sh: /zones (XFS) and /etc/zones (ext4) on two parts of a disk of tests/host/cutdisk.c,
# in the container, where nobody else has processes. Sources writer.sh as well.
#
#   new_disk NAME    formatted and mounted; $disk/control takes words, and $T/NAME.log is what happened to it since entry $made
#   mark TEXT        in that log
#   end_disk         unmounted and gone; the log stays
#   attach FILE, on, off, detach     its parts as loop devices; mounted; and the way back
#   finish NAME CHECK                the VM $uuid's disk $volume grows, the VM goes, the disk is done with; and every
#   every NAME CHECK                 $cuts power cuts of that log, CHECK after each; a result
#   sane                             what has to be so after any cut

mib=512 etc=16
cutdisk=$top/build/tests/host/cutdisk
# shellcheck source=tests/host/writer.sh
. "$top/tests/host/writer.sh"
disk=$T/disk
mkdir -p "$disk"
umount -l /zones
umount -l /etc/zones 2>/dev/null || true

# attach FILE [OPTION]: its two parts as loop devices, that of the configuration ($loop0) and the pool ($loop). detach: no more.
attach() {
	loop0=$(losetup -f --show --sizelimit $((etc << 20)) "${@:2}" "$1")
	loop=$(losetup -f --show -o $((etc << 20)) "${@:2}" "$1")
}
detach() { losetup -d "$loop0" "$loop"; }
# on: /zones and /etc/zones are there. off: and gone.
on() { mount "$loop0" /etc/zones && mount -o discard "$loop" /zones; }
off() {
	pkill -9 -x zoneadmd || true # the container's, where nobody else is
	umount /etc/zones || true
	wait_for 10 umount /zones
}
# format: both, and on. (The scenario may have another one, and another on and off.)
format() {
	mkfs.ext4 -q "$loop0"
	mkfs.xfs -q -m reflink=1 "$loop"
	on
}
mark() { echo "$*" >"$disk/control"; }
# new_disk NAME: empty, formatted, mounted; what happens to it from now on is in $T/NAME.log
new_disk() {
	"$cutdisk" serve "$disk" "$T/store" "$T/$1.log" $mib &
	server=$!
	wait_for 10 mountpoint -q "$disk"
	attach "$disk/disk" --direct-io=on # what is written is in the log at once
	format
	sync
	mark made
	made=$("$cutdisk" count "$T/$1.log")
}
end_disk() {
	off
	detach
	wait_for 10 umount "$disk"
	wait $server
	rm -f "$T/store"
}
t_atexit "umount -l /etc/zones; umount -l /zones; umount -l $disk; losetup -d \$loop0 \$loop"

# follow LOG: each "flushed N" in it becomes a mark. unfollow: no more.
follow() {
	exec 7< <(exec tail -n +1 -F "$1" 2>/dev/null)
	tail=$!
	while read -r line <&7; do [[ $line != flushed* ]] || mark "${line%$'\r'}"; done &
}
unfollow() {
	kill "$tail"
	exec 7<&-
}

# every NAME CHECK: $cuts cuts of a log. CHECK has the disk at /zones and the last mark in its arguments, and says what is lost.
every() {
	local name=$1 check=$2 log=$T/$1.log n i at m loose lost losses="" unflushed=0 gone=0
	n=$("$cutdisk" count "$log")
	for i in $(seq "$cuts"); do
		at=$((made + 1 + (n - made) * i / cuts - (i * 7919) % ((n - made) / cuts + 1)))
		"$cutdisk" cut "$log" "$T/cut" $mib "$at" "$i" | sed 's/ \([0-9]*\) \([0-9]*\)$/\t\1\t\2/' | tr ' \t' '_ ' >"$T/at"
		read -r m loose lost <"$T/at"
		unflushed=$((unflushed + loose)) gone=$((gone + lost))
		attach "$T/cut"
		if on 2>"$T/mount"; then
			# shellcheck disable=SC2086  # words
			$check ${m//_/ } >"$T/check" 2>&1 || losses+="cut $i, before entry $at of $n, after '$m': $(head -n 6 "$T/check")"$'\n'
			off || losses+="cut $i: somebody is left"$'\n'
		else
			losses+="cut $i, before entry $at of $n: $(cat "$T/mount")"$'\n'
		fi
		detach
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

finish() {
	mark growing
	echo '{"update_disks": [{"path": "'"$volume"'", "size": 128}]}' >"$T/update.json"
	t_run "growth" 0 vmadm update "$uuid" -f "$T/update.json"
	mark grown
	mark deleting
	t_run "delete" 0 vmadm delete "$uuid"
	mark gone
	sync
	end_disk
	every "$1" "$2"
}
