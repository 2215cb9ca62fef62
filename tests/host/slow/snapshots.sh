#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=60 kernel=any
#
# Snapshots of a VM whose guest writes to two disks by turns as fast as it can: every one is of one instant, whoever is killed meanwhile.
# The pool is XFS in a file: the container has no other that shares blocks. Disks in zhyve, and as processes.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

mkdir -p "$T"
truncate -s 1G "$T/pool.raw"
mkfs.xfs -q "$T/pool.raw" && mount -o loop "$T/pool.raw" /zones || { t_skip "snapshots" "no XFS here"; t_done; }
t_atexit umount -l /zones
cp "$top/build/tests/guest/twins.elf" "$T/kernel"
jq -n '{brand: "bhyve", alias: "twins", ram: 64, autoboot: false,
	disks: [{boot: true, model: "virtio", size: 64}, {model: "virtio", size: 64}]}' >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid
# The container's cgroup may lack controllers.
for change in "add attr; set name=kernel; set type=string; set value=$T/kernel; end" "clear cpu-shares" "clear max-lwps" "clear zfs-io-priority" \
	"remove -F capped-memory"; do
	zonecfg -u "$uuid" "$change; commit"
done

number() { od -An -tu4 -N4 "$1" | tr -d ' '; }
ahead() { [ "$(number "$z/disk1.raw")" -gt "$1" ]; }
twins() { # NAME: the numbers in its two parts
	local a b
	a=$(number "$z/snapshots/disk0@vmsnap-$1") b=$(number "$z/snapshots/disk1@vmsnap-$1")
	echo "$a $b $((a - b))"
}
snapshots() { # HOW MANY, WHERE THE DISKS ARE
	local i last=0 torn="" held=""
	for i in $(seq "$1"); do
		wait_for 10 ahead "$last" || { t_fail "the guest goes on ($2)" "$(tail -n 3 "$z/logs/platform.log")"; return; }
		vmadm create-snapshot -v "$uuid" "s$i" 2>"$T/said" || torn+=" $(cat "$T/said")"
		held+=" $(sed -n 's/.*held for \(.*\) ms/\1/p' "$T/said")"
		[[ $(twins "s$i") =~ \ [01]$ ]] || torn+=" s$i: $(twins "s$i")"
		last=$(number "$z/disk1.raw")
	done
	t_is "$1 snapshots of one instant each ($2)" "$torn" ""
	echo "# ms that the guest was held, from the shortest on: $(tr ' ' '\n' <<<"$held" | sort -n | paste -sd ' ')"
}

for kind in false true; do
	zonecfg -u "$uuid" "remove -F attr name=disk-process; add attr; set name=disk-process; set type=string; set value=$kind; end; commit"
	t_run "start (disk-process $kind)" 0 vmadm start "$uuid"
	snapshots 40 "disk-process $kind"
	# vmadm killed in the middle: what it was about is cleared away, and the guest goes on.
	for wait in 0.001 0.003 0.006 0.01 0.015 0.02; do
		vmadm create-snapshot "$uuid" killed 2>/dev/null &
		sleep $wait
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		vmadm get "$uuid" | jq -e '.snapshots | map(select(.name == "killed")) == []' >/dev/null || {
			[[ $(twins killed) =~ \ [01]$ ]] || t_fail "a snapshot that is there is whole" "$(twins killed)"
			vmadm delete-snapshot "$uuid" killed
		}
	done
	last=$(number "$z/disk1.raw")
	t_run "after six killed ones the guest goes on" 0 wait_for 10 ahead "$last"
	t_run "another one" 0 vmadm create-snapshot "$uuid" after
	t_is "nothing is left of those" "$(find "$z/snapshots" -name '*killed*' -o -name '.*.new')" ""
	want=$(twins s20)
	t_run "rollback" 0 vmadm rollback-snapshot "$uuid" s20
	t_is "the newer ones are gone" "$(vmadm get "$uuid" | jq '.snapshots | length')" 20
	t_run "stop" 0 vmadm stop -F "$uuid"
	t_is "the snapshot is as it was" "$(twins s20)" "$want"
	for i in $(seq 20); do vmadm delete-snapshot "$uuid" "s$i" 2>/dev/null; done
	t_is "all are deleted" "$(ls -A "$z/snapshots")" ""
done

# A rollback that is killed: the VM does not start before it is whole.
t_run "a snapshot of the stopped VM" 0 vmadm create-snapshot "$uuid" base
record=$z/snapshots/vmsnap-base.json
jq '.state = "rollback"' "$record" >"$T/record" && cp "$T/record" "$record"
t_run "a VM that is half rolled back does not start" 1 vmadm start "$uuid"
t_like "and it says why" "$t_err" 'a rollback to snapshot "base" was interrupted'
t_run "rollback" 0 vmadm rollback-snapshot "$uuid" base
t_run "delete" 0 vmadm delete "$uuid"
t_done
