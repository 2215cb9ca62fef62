#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=600 kernel=any
#
# Power cuts (see power-cuts.sh) under a pool of lvm's: what the block backend of zhyve flushed to a thin volume, a snapshot of it, its rollback, growth and
# end. In user-mode Linux (tests/host/uml), which has device-mapper and no KVM: a program stands in for the guest, and a rollback does not start the VM.
#
# CUTS=N: so many (30).
set -eu
if ! grep -q 'User Mode Linux' /proc/cpuinfo; then
	here=$(cd "$(dirname "$0")" && pwd -P)
	[ -n "${LINUX_UML:-}" ] || command -v linux.uml >/dev/null || { echo "ok 1 - power cuts under lvm # SKIP there is no user-mode Linux here"; echo 1..1; exit 0; }
	exec "$here/../uml" -t 1200 -- env "CUTS=${CUTS:-30}" bash "$here/power-cuts-lvm.sh"
fi
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
cuts=${CUTS:-30}
# shellcheck source=tests/host/cutdisk.sh
. "$(dirname "$0")/../cutdisk.sh"
export DM_DISABLE_UDEV=1 # nobody but lvm makes device nodes here
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# Zone paths are on the file system of the configuration. There is no udev here, whose work the nodes are.
mount_files() { mount "$loop0" /etc/zones && mkdir -p /etc/zones/.zones && mount --bind /etc/zones/.zones /zones; }
on() {
	mount_files && lvm vgchange -qq -ay zones && dmsetup mknodes || return 1
	lvm vgmknodes -qq 2>/dev/null || true
}
off() {
	pkill -9 -x zoneadmd || true # nobody else is here
	umount /zones
	umount /etc/zones
	wait_for 20 lvm vgchange -qq -an zones
}
format() {
	mkfs.ext4 -q "$loop0"
	mount_files
	imgadm pool create -d lvm "$loop"
}
flush() { # FIRST LAST: batches of writes
	"$top/build/tests/host/flusher" "$volume" "$1" "$2" | while read -r line; do mark "$line"; done
}
# It cannot start here; all else is done.
roll_back() {
	vmadm rollback-snapshot "$uuid" one >"$T/rolled" 2>&1 || true
	grep -q 'rolled back, but it does not start' "$T/rolled" || { cat "$T/rolled"; lvm lvs -a zones; return 1; }
}

check() { # made | flushed N | rolling | WORD...
	local size=67108864
	sane || return
	imgadm pool list -p | grep -q ':ok$' || { imgadm pool list; return 1; }
	case $1 in
	made) return 0 ;;
	flushed) "$written" "$volume" $((16#$2)) || return ;;
	rolling) roll_back && "$written" "$volume" 40 || return ;;
	snapshot | rolled | growing) "$written" "$volume" 40 || return ;;
	grown) "$written" "$volume" 40 && size=134217728 || return ;;
	deleting)
		vmadm delete "$uuid" || [ "$(vmadm list -H | wc -l)" = 0 ] || return
		[ "$(vmadm list -H | wc -l)" = 0 ]
		return
		;;
	gone)
		[ "$(lvm lvs --noheadings -o lv_name zones | tr -d ' ')" = pool ] || lvm lvs zones
		[ "$(vmadm list -H | wc -l)" = 0 ]
		return
		;;
	esac
	[ "$1" = growing ] || [ "$(blockdev --getsize64 "$volume")" = $size ] || { blockdev --getsize64 "$volume"; return 1; }
	[ "$1" = flushed ] || vmadm get "$uuid" | jq -e 'any(.snapshots[]; .name == "one")' >/dev/null || { echo "the snapshot is lost"; return 1; }
	# It can go on.
	vmadm create-snapshot "$uuid" after
}

new_disk lvm
jq -n '{brand: "bhyve", alias: "lvm", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 64}]}' >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* } volume=/dev/zones/${t_err##* }.disk0
sync
made=$("$cutdisk" count "$T/lvm.log")
flush 1 40
t_run "snapshot" 0 vmadm create-snapshot "$uuid" one
mark snapshot
flush 41 70
mark rolling
t_run "rollback" 0 roll_back
mark rolled
finish lvm check
t_done
