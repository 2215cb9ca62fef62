#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=400 kernel=any
#
# Power cuts: /zones (XFS) and /etc/zones (ext4) are on a disk (tests/host/cutdisk.c) whose volatile cache is lost at any moment, requests that were not
# flushed kept, lost or torn by chance. After each cut both are mounted again, and everything has to be there that somebody was told was on
# stable storage: what a guest flushed (its disk a thread of zhyve or a process of its own), configurations, images, snapshots.
#
# CUTS=N: so many of each kind (50). The cuts are at fixed places of a log that is another one in each run.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

cuts=${CUTS:-50}
# shellcheck source=tests/host/cutdisk.sh
. "$(dirname "$0")/../cutdisk.sh"

# ---- a guest ----

after_guest() { # made | flushed N
	sane || return
	[ "$1" = flushed ] || return 0
	"$written" "$z/disk0.raw" $((16#$2))
}
far() { [ "$(wc -l <"$z/logs/console.log")" -gt 160 ]; }
guest() { # DISK-PROCESS NAME
	new_disk "$2"
	jq -n '{brand: "bhyve", alias: "writer", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 64}]}' >"$T/vm.json"
	new_vm "$T/vm.json" writer
	zonecfg -u "$uuid" "remove -F attr name=disk-process; add attr; set name=disk-process; set type=string; set value=$1; end; commit"
	sync
	made=$("$cutdisk" count "$T/$2.log")
	t_run "$2: start" 0 vmadm start "$uuid"
	follow "$z/logs/console.log"
	wait_for 60 far || t_fail "$2: the guest writes" "$(tail -n 3 "$z/logs/console.log" "$z/logs/platform.log")"
	# Everything ends at once.
	pkill -9 -x zoneadmd || true
	zoneadm list >/dev/null
	unfollow
	last=$(tr -d '\r' <"$z/logs/console.log" | sed -n 's/^flushed //p' | tail -n 1)
	t_run "$2: all killed after $((16#$last)) batches, nothing lost" 0 "$written" "$z/disk0.raw" $((16#$last))
	end_disk
	every "$2" after_guest
}

# ---- the tools: each step is marked when its command has said that it is done ----

image=0d5c1b1e-7f0e-4c8e-9c55-5a1f6b7c0002
fill() { # LETTER FILE: two MiB of it, on stable storage
	head -c 2M /dev/zero | tr '\0' "$1" | dd of="$2" conv=notrunc,fsync status=none
}
filled() { head -c 2M "$1" | tr -d '\0' | fold -w 1048576 | cut -c1 | sort -u | tr -d '\n'; } # the letters that it begins with: one, when it is whole
number=0
step() { # TEXT COMMAND...
	local text=$1
	shift
	"$@" >"$T/said" 2>&1 || t_fail "$text" "$(cat "$T/said")"
	number=$((number + 1))
	mark $number "$text"
}
value() { zonecfg -u "$uuid" "info attr name=k" | sed -n 's/.*value[:=] *"*\([0-9]*\).*/\1/p'; }
set_value() { zonecfg -u "$uuid" "select attr name=k; set value=$1; end; commit"; }
has_snapshot() { vmadm get "$uuid" | jq -e --arg n "$1" 'any(.snapshots[]?; .name == $n)' >/dev/null; }
is_stopped() { [ "$(vmadm list -H -o state "uuid=$uuid")" = stopped ]; }
roll_back() { vmadm rollback-snapshot "$uuid" "$1" && wait_for 20 is_stopped; } # it starts, and ends at once
wrong() { echo "$*"; return 1; }

tools() {
	local k
	fill i "$T/image.raw"
	jq -n --arg u $image '{v: 2, uuid: $u, name: "cut", version: "1", os: "linux", type: "zvol", image_size: 2}' >"$T/image.json"
	new_disk tools
	jq -n '{brand: "bhyve", alias: "tools", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", size: 8}, {model: "virtio", size: 8}]}' >"$T/vm.json"
	new_vm "$T/vm.json" hello # which ends at once: a rollback starts it
	zonecfg -u "$uuid" "add attr; set name=k; set type=string; set value=0; end; commit"
	fill a "$z/disk0.raw"
	fill a "$z/disk1.raw"
	sync
	made=$("$cutdisk" count "$T/tools.log")
	for k in 1 2 3 4 5 6; do step "configuration $k" set_value $k; done # 1-6
	step image imgadm install -m "$T/image.json" -f "$T/image.raw" # 7
	jq -n --arg i $image '{brand: "bhyve", alias: "cloned", ram: 64, autoboot: false, disks: [{boot: true, model: "virtio", image_uuid: $i}]}' >"$T/clone.json"
	step clone vmadm create -f "$T/clone.json" # 8
	clone=$(vmadm list -H -o uuid alias=cloned)
	step snapshot vmadm create-snapshot "$uuid" one # 9
	step b fill b "$z/disk0.raw" # 10
	step b fill b "$z/disk1.raw" # 11
	step snapshot vmadm create-snapshot "$uuid" two # 12
	step rollback roll_back one # 13
	step deleted vmadm delete-snapshot "$uuid" one # 14
	step grown vmadm update "$uuid" <<<'{"update_disks": [{"path": "'"$z"'/disk1.raw", "size": 16}]}' # 15
	step gone vmadm delete "$clone" # 16
	step "no image" imgadm delete $image # 17
	sync
	end_disk
	every tools after_tools
}
# shellcheck disable=SC2015  # wrong fails
after_tools() { # made | NUMBER TEXT
	local n=$1 v d
	sane || return
	[ "$n" != made ] || n=0
	zonecfg -u "$uuid" verify || return
	v=$(value)
	[ "$v" -ge $((n < 6 ? n : 6)) ] && [ "$v" -le $((n < 6 ? n + 1 : 6)) ] || wrong "configuration $v" || return
	# Old or new, whole; if it is said to be there it is.
	if imgadm list | grep -q $image; then
		[ "$n" -lt 17 ] || wrong "the image is there again" || return
		cmp /zones/images/$image.raw "$T/image.raw" || return
	elif [ "$n" -ge 7 ] && [ "$n" -lt 16 ]; then
		wrong "the image is lost" || return
	fi
	if vmadm get "$clone" >/dev/null 2>&1 && [ "$(vmadm get "$clone" | jq -r .state)" = stopped ]; then
		[ "$n" -lt 16 ] || wrong "the clone is there again" || return
		if [ "$n" = 15 ] && [ ! -e "/zones/$clone/disk0.raw" ]; then
			vmadm delete "$clone" || return # under way, and can be done again
		else
			cmp "/zones/$clone/disk0.raw" "$T/image.raw" || return
		fi
	elif [ "$n" -ge 8 ] && [ "$n" -lt 15 ]; then
		wrong "the clone is lost: $(vmadm get "$clone" 2>&1 | head -n 3)" || return
	fi
	for d in 0 1; do
		case $n in
		13 | 14 | 15 | 16 | 17) [ "$(filled "$z/disk$d.raw")" = a ] ;;
		11) [ "$(filled "$z/disk$d.raw")" = b ] ;;
		[0-9]) [ "$(filled "$z/disk$d.raw")" = a ] || [ "$n" = 9 ] ;;
		12) [[ "$(filled "$z/disk$d.raw")" = [ab] ]] ;; # the rollback is under way
		esac || wrong "disk$d has $(filled "$z/disk$d.raw")" || return
		[ "$n" -lt 15 ] || [ "$(stat -c %s "$z/disk1.raw")" = 16777216 ] || wrong "disk1 has its old size" || return
	done
	if has_snapshot one; then
		[ "$n" -lt 14 ] || wrong "snapshot one is there again" || return
		for d in 0 1; do [ "$(filled "$z/snapshots/disk$d@vmsnap-one")" = a ] || wrong "snapshot one is torn" || return; done
	elif [ "$n" -ge 9 ] && [ "$n" -lt 13 ]; then
		wrong "snapshot one is lost" || return
	fi
	! has_snapshot two || [ "$(filled "$z/snapshots/disk0@vmsnap-two")" = b ] || wrong "snapshot two is torn" || return
	[ "$n" != 12 ] || roll_back one || return # under way, and can be done again
	# It can go on.
	set_value 77 && [ "$(value)" = 77 ] && vmadm create-snapshot "$uuid" after && roll_back after
}

case ${1:-all} in
tools | all) tools ;;
esac
case ${1:-all} in
guest | all)
	guest true process
	guest false thread
	;;
esac
t_done
