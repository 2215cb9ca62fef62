#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=60 kernel=any
#
# A zone whose disk is a process of its own, as it is unless told otherwise: what it is in, that it is killed over and over under a guest
# which writes without a pause and notices nothing, and that nothing of it is left. The guest is tests/guest/replay. It runs until it is told on
# its console that it is enough, and each process is killed when it has written something: nothing here depends on time. `make check` runs it on
# the machine's own KVM (tests/guest/disk-process.sh).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-} build=${BUILD:-$top/build}
export ZHYVE_BIN=$build/src/procs/zhyve/zhyve ZHYVE_BLK_BIN=$build/src/procs/blk/zhyve-blk
z=diskproc
v2=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)
cg=$v2/zhyve/$z
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
cp "$build/tests/guest/replay.elf" "$T/kernel"
truncate -s 1M "$root/zones/$z.raw"
t_atexit rm -f "$root/zones/$z.raw"
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"
t_run "a zone" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=ram; set type=string; set value=64; end;
	add device; set match=$root/zones/$z.raw; add property (name=model,value=virtio);
	add property (name=pci-slot,value=\"0:5:0\"); end; commit"
t_run "install" 0 zoneadm -z $z install
did=$(jq .did "$root/etc/zones/$z.json")
log=$root/zones/$z/logs
blk() { for p in $(cat "$cg/cgroup.procs" 2>/dev/null); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" != zhyve-blk ] || echo "$p"; done; }
events() { jq -r .event "$log/events.jsonl" | grep -c "^$1\$" || true; }
down() { [ "$(zoneadm -z $z list -p | cut -d: -f3)" = installed ]; }

t_run "boot" 0 zoneadm -z $z boot
p=$(blk)
t_like "one process for the disk, in the zone's cgroup" "$p" '^[0-9]+$'
cat "/proc/$p/status" >"$T/status"
ls -A "/proc/$p/root/" >"$T/ls"
find "/proc/$p/fd" -type l -printf '%l\n' | sort >"$T/fd"
for ns in cgroup ipc mnt net pid user uts; do readlink "/proc/$p/ns/$ns" "/proc/self/ns/$ns"; done | paste - - >"$T/ns"
wrote() { [ "$(cksum <"$root/zones/$z.raw")" != "$was" ]; }
another() { p=$(blk) && [ -n "$p" ]; }
killed=0
while [ $killed -lt 6 ]; do
	wait_for 30 another && p=$(blk) || break
	was=$(cksum <"$root/zones/$z.raw")
	wait_for 30 wrote || break
	kill -9 "$p" && killed=$((killed + 1))
	gone() { [ "$(blk)" != "$p" ]; }
	wait_for 30 gone || break
done
t_is "it was killed so many times" "$killed" 6
wait_for 30 another || true
printf x | timeout 30 zlogin -C -d $z >"$T/console" 2>&1 || true
wait_for 60 down || true
t_like "the guest lost nothing, and ended by itself" "$(tr -d '\0\r' <"$log/console.log")
$(tail -n 20 "$log/platform.log")" '^ok$'
t_is "each end was told" "$([ "$(events disk-lost)" -ge 6 ] && echo yes || cat "$log/events.jsonl")" yes
t_is "and each return" "$([ "$(events disk-back)" -ge 6 ] && echo yes || cat "$log/events.jsonl")" yes

uid=$((0x70000000 + 0x02000000 * 2 + did))
t_is "its uid is neither zhyve's nor swtpm's" "$(awk '/^Uid:/ { print $2 }' "$T/status")" $uid
t_is "it has no capability" "$(awk '/^Cap(Inh|Prm|Eff|Bnd|Amb):/ { print $2 }' "$T/status" | sort -u)" 0000000000000000
t_is "it is under a system-call filter" "$(awk '/^Seccomp:/ { print $2 }' "$T/status")" 2
t_is "its root is empty" "$(cat "$T/ls")" ""
t_is "it shares no namespace with the host" "$(awk '$1 == $2' "$T/ns")" ""
t_is "of files it has its disk" "$(grep '^/' "$T/fd" | grep -v '^/dev/null$\|^/memfd:' | sort -u)" "$root/zones/$z.raw"
t_is "and no KVM" "$(grep -c kvm "$T/fd" || true)" 0
wait_for 5 test ! -e "$cg" || true
t_is "nothing of it is left" "$([ ! -e "$cg" ] && [ ! -e "$root/run/zones/$z" ] && echo yes)" yes
t_done
