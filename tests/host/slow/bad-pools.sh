#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=400 needs=zfs
#
# What bad-disks.sh shows of files, of pools of lvm's and zfs's: a disk that grows and is limited under its guest, a pool that fills up and has room
# again, one whose device gives errors. The guest is told of what was not done, the operator by a message and an event, and all that was flushed
# is there. (Of a zpool that fails it is the operator alone who is told: zfs keeps what is written until somebody says zpool clear.) Where the
# kernel has no thin pools, or no zfs, this is said. With a word, `lvm' or `zfs', that alone.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/host/writer.sh
. "$(dirname "$0")/../writer.sh"

mkdir -p /var/lib/zones
mount -t tmpfs -o size=2g pool /var/lib/zones
t_atexit umount -l /var/lib/zones
truncate -s 256m /var/lib/zones/device
loop=$(losetup -f --show /var/lib/zones/device)
t_atexit losetup -d "$loop"
sectors=$(blockdev --getsz "$loop")
modprobe dm-mod 2>/dev/null || true
if ! dmsetup create bad --table "0 $sectors linear $loop 0" 2>"$T/dm"; then
	t_skip "a pool of lvm's" "this kernel has no device mapper: $(tail -n 1 "$T/dm")"
	t_done
fi
dmsetup mknodes bad # without udev
mkdir -p /etc/lvm
echo "devices { global_filter = [ \"r|^/dev/loop|\" ] }" >/etc/lvm/lvmlocal.conf # what is below is the same again
t_atexit dmsetup remove -f bad
bad() { dmsetup suspend --nolockfs --noflush bad && dmsetup load bad --table "$1" && dmsetup resume bad; }
health() { imgadm pool list -p | cut -d: -f6; }
state() { vmadm list -H -o state "uuid=$uuid"; }
grow() { echo "{\"update_disks\": [{\"path\": \"$path\", \"size\": $1}]}" >"$T/grow" && vmadm update "$uuid" -f "$T/grow"; }

# A guest that writes, in a pool that has less room than it wants.
full() {
	local n
	jq -n '{brand: "bhyve", alias: "writer", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 64}]}' >"$T/vm.json"
	new_vm "$T/vm.json" writer
	path=$(vmadm get "$uuid" | jq -r '.disks[0].path')
	fill
	t_run "$1: start" 0 vmadm start "$uuid"
	t_run "$1: full: it is told" 0 wait_for 120 more failed 1
	t_run "$1: and the operator" 0 wait_for 60 told "disk-error.*$path"
	t_is "$1: the VM goes on" "$(state)" running
	t_like "$1: the pool is full" "$(health)" '^(full|out_of_data)$'
	t_run "$1: another VM" 1 vmadm create -f "$T/vm.json"
	t_like "$1: is refused" "$t_err" "[Nn]o space"
	unfill
	n=$(count flushed)
	t_run "$1: with room again it goes on by itself" 0 wait_for 120 more flushed $((n + 3))
}

limits() {
	local device n
	device=$(stat -L -c %Hr:%Lr "$path")
	zonecfg -u "$uuid" "select device match=$path; add property (name=write-iops,value=2000); add property (name=read-bps,value=9M); end; commit"
	t_run "$1: a limit for its disk" 0 zoneadm -z "$uuid" apply
	t_like "$1: is the running zone's, for that volume" "$(cat "/sys/fs/cgroup$(zone_cgroup)/io.max")" "^$device rbps=9437184 wbps=max riops=max wiops=2000"
	n=$(count flushed)
	t_run "$1: the guest goes on" 0 wait_for 60 more flushed $((n + 3))
}
zone_cgroup() { cut -d: -f3 "/proc/$(vmadm list -H -o pid "uuid=$uuid")/cgroup"; }

growth() {
	t_is "$1: the guest's disk has 64 MiB" "$((16#$(said sectors | tail -n 1)))" $((64 << 11))
	t_run "$1: it grows" 0 grow 80
	larger() { [ "$((16#$(said sectors | tail -n 1)))" -eq $((80 << 11)) ]; }
	t_run "$1: which the guest sees" 0 wait_for 60 larger
	t_run "$1: to more than there is it does not" 1 grow 99999
	t_like "$1: and why is said" "$t_err" "no space"
}

errors() {
	local n
	n=$(count failed)
	bad "0 $sectors error"
	t_run "$1: errors: the guest is told" 0 wait_for 120 more failed $((n + 1))
	t_run "$1: and the operator" 0 told "disk-error.*$path"
	t_is "$1: the VM goes on" "$(state)" running
	t_run "$1: a snapshot" 1 timeout 120 vmadm create-snapshot "$uuid" s
	t_run "$1: the VM stops" 0 timeout 120 vmadm stop -F "$uuid"
	bad "0 $sectors linear $loop 0"
}

# A zpool holds back what is written to it, and who waits for a flush, for as long as its device fails: until it is well again, and somebody says so.
suspended() {
	bad "0 $sectors error"
	is_suspended() { [ "$(health)" = suspended ]; }
	t_run "$1: errors: the operator is told" 0 wait_for 120 is_suspended
	t_run "$1: a snapshot" 1 timeout 60 vmadm create-snapshot "$uuid" s
	t_like "$1: is refused for that" "$t_err" "suspended"
	vmadm stop -F "$uuid" 2>&1 | sed 's/^/# /' # the guest may have given up before
	t_run "$1: zhyve goes on looking after VMs" 0 timeout 60 vmadm list
	echo "$t_out" | sed 's/^/# /'
	bad "0 $sectors linear $loop 0"
	t_run "$1: the device is well again, and somebody says so" 0 zpool clear zones
	halted() { zoneadm -z "$uuid" halt || [ "$(state)" = stopped ]; } # what it is told to do
	t_run "$1: the VM ends" 0 wait_for 60 halted
	t_is "$1: it is stopped" "$(state)" stopped
	t_is "$1: the pool is well" "$(health)" ok
}

if [ "${1:-lvm}" != lvm ]; then
	:
elif modprobe dm-thin-pool 2>/dev/null && [ -x /usr/sbin/lvm ]; then
	fill() { # but for 10 MiB
		lvcreate -qq -Wn -V 1g --thinpool zones/pool -n filler -kn -ay zones >/dev/null 2>&1
		dmsetup mknodes
		dd if=/dev/zero of=/dev/mapper/zones-filler bs=1M count=$(($(imgadm pool list -p | cut -d: -f4) - 10)) oflag=direct conv=nocreat status=none 2>/dev/null || true # what describes it takes room, too
	}
	unfill() { lvremove -qq -f zones/filler; }
	t_run "a pool of lvm's on a device" 0 imgadm pool create -d lvm /dev/mapper/bad
	full lvm
	limits lvm
	growth lvm
	errors lvm
	vgchange -qq -an zones 2>/dev/null || true # what was open while it failed is forgotten
	vgchange -qq -ay zones
	judged "lvm: the device is well again: what was flushed is there" "$path"
	vmadm delete "$uuid"
	rm -rf /zones/[!i]*
	t_run "it is deleted" 0 imgadm pool delete
	wipefs -qa /dev/mapper/bad
else
	t_skip lvm "this kernel has no thin pools"
fi

if [ "${1:-zfs}" != zfs ]; then
	:
elif "$top/tests/host/zfs" --load; then
	# Reserved to the last byte: near its end a zpool gets slow, and to get there by writing would take minutes (imgadm(8)).
	reserve() { zfs set refreservation=$(($(zfs get -Hp -o value available zones) & ~4095)) zones/filler; }
	fill() { zfs create -s -V 1g zones/filler && sync && wait_for 20 reserve; }
	unfill() { zfs destroy zones/filler; }
	above=$(losetup -f --show --direct-io=on /dev/mapper/bad) # of another device zpool would make partitions, which wants udev
	t_atexit losetup -d "$above"
	t_run "a pool of zfs's on a device" 0 imgadm pool create -d zfs "$above"
	full zfs
	limits zfs
	growth zfs
	suspended zfs
	judged "zfs: what was flushed is there" "$path"
	t_run "zfs: the VM starts" 0 vmadm start "$uuid"
	t_run "zfs: and stops" 0 vmadm stop -F "$uuid"
	vmadm delete "$uuid"
	rm -rf /zones/[!i]*
	t_run "it is deleted" 0 imgadm pool delete
else
	t_skip zfs "this kernel has none (tests/host/zfs makes it)"
fi
t_done
