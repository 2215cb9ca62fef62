#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=120 kernel=any
#
# Pools that are full, read-only, gone or give errors: the guest gets an error for what is not done, the operator a message, and nothing is torn
# that was said to be done.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/host/cutdisk.sh
. "$(dirname "$0")/../cutdisk.sh"

vm_json() { jq -n --arg a "$1" --argjson s "$2" '{brand: "bhyve", alias: $a, ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: $s}]}' >"$T/vm.json"; }
state() { vmadm list -H -o state "uuid=$uuid"; }
writer() { # a running guest that has written something; with a word its disk is a thread of zhyve's
	vm_json writer 64
	new_vm "$T/vm.json" writer
	[ $# -eq 0 ] || zonecfg -u "$uuid" "add attr; set name=disk-process; set type=string; set value=false; end; commit"
	t_run "start" 0 vmadm start "$uuid"
	wait_for 30 more flushed 20 || t_fail "the guest writes" "$(tail -n 3 "$z/logs/console.log" "$z/logs/platform.log")"
}

# ---- full ----

new_disk full
writer
fallocate -l "$(($(stat -f -c '%a * %S' /zones)))" /zones/filler 2>/dev/null || true
dd if=/dev/zero of=/zones/filler2 bs=4k status=none 2>/dev/null || true
wait_for 30 more failed 3 || true
t_like "full: the guest is told that writes fail" "$(said failed)" .
t_like "the operator that there is no space" "$(cat "$z/logs/platform.log")" "write .*No space left on device"
t_run "by an event as well" 0 wait_for 30 told 'disk-error.*No space left on device'
t_is "the VM goes on" "$(state)" running
t_is "the pool is full" "$(imgadm pool list -p | cut -d: -f6)" full
t_run "a snapshot" 1 vmadm create-snapshot "$uuid" s
t_like "is refused for that" "$t_err" "[Nn]o space"
t_is "and is not there" "$(vmadm get "$uuid" | jq '.snapshots | length') $(find "$z" -name '*@*' | wc -l)" "0 0"
t_run "another VM" 1 vmadm create -f "$T/vm.json"
t_like "is refused" "$t_err" "[Nn]o space"
t_is "and is not there" "$(vmadm list -H | wc -l)" 1
head -c 2M /dev/urandom >"$T/image.raw"
jq -n '{v: 2, uuid: "0d5c1b1e-7f0e-4c8e-9c55-5a1f6b7c0003", name: "n", version: "1", os: "linux", type: "zvol", image_size: 2}' >"$T/image.json"
t_run "an image" 1 imgadm install -m "$T/image.json" -f "$T/image.raw"
t_like "is refused" "$t_err" "[Nn]o space"
t_is "and leaves nothing" "$(find /zones/images -type f 2>/dev/null)" ""
rm -f /zones/filler /zones/filler2
n=$(count flushed)
t_run "with room again the guest goes on by itself" 0 wait_for 30 more flushed $((n + 5))
t_run "and stops" 0 vmadm stop -F "$uuid"
judged "all that was flushed is there" "$z/disk0.raw"
before=$(cat "/etc/zones/$uuid.json")
dd if=/dev/zero of=/etc/zones/filler bs=1k status=none 2>/dev/null || true
t_run "a change of a configuration for which there is no room" 1 zonecfg -u "$uuid" "add attr; set name=k; set type=string; set value=$(printf 'x%.0s' {1..3000}); end; commit"
t_like "fails" "$t_err" "No space left"
t_is "and the old one stays" "$(cat "/etc/zones/$uuid.json")" "$before"
t_is "alone" "$(find /etc/zones -name "$uuid*" | wc -l)" 1
rm /etc/zones/filler

# ---- read-only ----

mount -o remount,ro /zones
t_is "read-only: the pool says so" "$(imgadm pool list -p | cut -d: -f6)" read-only
t_run "a VM does not start" 1 vmadm start "$uuid"
t_like "and why is said" "$t_err" "[Rr]ead-only"
t_is "it is stopped" "$(state)" stopped
t_run "a new one is not made" 1 vmadm create -f "$T/vm.json"
t_like "and why is said" "$t_err" "[Rr]ead-only"
t_is "nothing of it is there" "$(vmadm list -H | wc -l)" 1
t_run "a snapshot is not taken" 1 vmadm create-snapshot "$uuid" s
t_like "and why is said" "$t_err" "[Rr]ead-only"
mount -o remount,rw /zones
t_run "writable again it starts" 0 vmadm start "$uuid"
t_run "and stops" 0 vmadm stop -F "$uuid"
t_run "delete" 0 vmadm delete "$uuid"
end_disk

# ---- errors, and a disk that is pulled out ----

# broken NAME COMMAND [thread]: what that does to a running guest, and what is there when the power comes back.
broken() {
	local name=$1 n
	new_disk "$name"
	writer ${3:+"$3"}
	tail -n +1 -F "$z/logs/console.log" >"$T/heard" 2>/dev/null & # the log is on the pool
	n=$!
	wait_for 10 test -s "$T/heard"
	$2
	failing() { imgadm pool list -p | grep -q 'Input/output error'; }
	t_run "$name: the pool is not well" 0 wait_for 30 failing
	t_run "the guest is told, and the operator" 0 wait_for 30 told "disk-error.*$z/disk0.raw.*Input/output error"
	t_is "the VM goes on" "$(zoneadm -z "$uuid" list -p | cut -d: -f3)" running
	t_is "which vmadm knows as well" "$(state 2>"$T/err")" running
	t_like "and says what it cannot read" "$(cat "$T/err")" "metadata.json': Input/output error"
	t_run "a snapshot" 1 vmadm create-snapshot "$uuid" s
	t_like "is refused" "$t_err" "Input/output error"
	t_run "the VM stops" 0 vmadm stop -F "$uuid"
	t_is "and is down" "$(zoneadm -z "$uuid" list -p | cut -d: -f3)" installed
	t_run "and does not start" 1 zoneadm -z "$uuid" boot
	t_like "which is told" "$t_err" "Input/output error"
	kill $n
	echo ok >"$disk/control"
	off
	on
	heard=$T/heard
	judged "the disk is well again: what was flushed is there" "$z/disk0.raw"
	heard=
	t_run "and the VM starts" 0 vmadm start "$uuid"
	t_run "and stops" 0 vmadm stop -F "$uuid"
	end_disk
}
fail() { echo "good $etc" >"$disk/control" && echo fail >"$disk/control"; }
broken errors fail
broken "errors under a thread" fail thread
t_done
