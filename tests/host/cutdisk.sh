# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What scenarios about bad disks share, after lib.sh: /zones (XFS) and /etc/zones (ext4) on two parts of a disk of tests/host/cutdisk.c,
# in the container, where nobody else has processes.
#
#   new_disk NAME    formatted and mounted; $disk/control takes words, and $T/NAME.log is what happened to it since entry $made
#   mark TEXT        in that log
#   end_disk         unmounted and gone; the log stays
#   attach FILE, on, off, detach     its parts as loop devices; mounted; and the way back
#   new_vm JSON PAYLOAD              a VM whose kernel is the payload: $uuid, $z

mib=512 etc=16
cutdisk=$top/build/tests/host/cutdisk written=$top/build/tests/host/written
disk=$T/disk
mkdir -p "$disk"
umount -l /zones
umount -l /etc/zones 2>/dev/null || true

# attach FILE: its two parts as loop devices, that of the configuration ($loop0) and the pool ($loop). detach: no more.
attach() {
	loop0=$(losetup -f --show --direct-io=on --sizelimit $((etc << 20)) "$1")
	loop=$(losetup -f --show --direct-io=on -o $((etc << 20)) "$1")
}
detach() { losetup -d "$loop0" "$loop"; }
# on: /zones and /etc/zones are there. off: and gone.
on() { mount "$loop0" /etc/zones && mount -o discard "$loop" /zones; }
off() {
	pkill -9 -x zoneadmd || true # the container's, where nobody else is
	umount /etc/zones || true
	wait_for 10 umount /zones
}
mark() { echo "$*" >"$disk/control"; }
# new_disk NAME: empty, formatted, mounted; what happens to it from now on is in $T/NAME.log
new_disk() {
	"$cutdisk" serve "$disk" "$T/store" "$T/$1.log" $mib &
	server=$!
	wait_for 10 mountpoint -q "$disk"
	attach "$disk/disk"
	mkfs.ext4 -q "$loop0"
	mkfs.xfs -q -m reflink=1 "$loop"
	on
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

new_vm() { # FILE-OF-JSON PAYLOAD: created, the payload its kernel; $uuid and $z
	uuid=$(vmadm create -f "$1" 2>&1 | sed -n 's/.* //p')
	z=/zones/$uuid
	# The container's cgroup may lack controllers.
	for change in "add attr; set name=kernel; set type=string; set value=$top/build/tests/guest/$2.elf; end" "clear cpu-shares" "clear max-lwps" \
		"clear zfs-io-priority" "remove -F capped-memory"; do
		zonecfg -u "$uuid" "$change; commit"
	done
}
