#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=120
#
# The jail: what /proc says of zhyve in it, and the limits of its cgroup. Without its limits it runs in tests/host/container as well; the ways out
# are tried by zone-ways-out.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
probe=${PROBE:-$top/build/tests/jail/probe}
zhyve=${ZHYVE:-$top/build/src/procs/zhyve/zhyve}
payload=$top/build/tests/guest/stay.elf
z=jail
v2=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)
cg=$v2/zhyve/$z
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
cp "$payload" "$T/kernel"
daemon_gone() { ! pgrep -f "zoneadmd -z $z -r" >/dev/null; } # what it was started with stays with it
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"

limits=
for c in cpu memory pids; do grep -qw $c "$v2/cgroup.controllers" || limits=no; done
rctls='add rctl; set name=zone.cpu-cap; add value (priv=privileged,limit=150,action=deny); end;
	add rctl; set name=zone.cpu-shares; add value (priv=privileged,limit=300,action=none); end;
	add rctl; set name=zone.max-physical-memory; add value (priv=privileged,limit=268435456,action=deny); end;
	add rctl; set name=zone.max-swap; add value (priv=privileged,limit=268435456,action=deny); end;
	add rctl; set name=zone.max-lwps; add value (priv=privileged,limit=40,action=deny); end;'
[ -z "$limits" ] || rctls=
t_run "a zone" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=bootargs; set type=string; set value=quiet; end;
	add attr; set name=vcpus; set type=string; set value=2; end;
	add attr; set name=ram; set type=string; set value=64; end; $rctls commit"
t_run "install" 0 zoneadm -z $z install
did=$(jq .did "$root/etc/zones/$z.json")
uid=$((0x70000000 + did))

# --- zhyve itself, with a guest that runs ---
if [ -w /dev/kvm ]; then
	t_run "boot with zhyve" 0 env ZHYVE_BIN="$zhyve" zoneadm -z $z boot
	# Everything is collected first and looked at after: the guest does not stay for ever.
	p=/proc/$(sort -n "$cg/cgroup.procs" | head -n 1)
	cat "$p/task"/*/status >"$T/status"
	for ns in cgroup ipc mnt net pid user uts; do readlink "$p/ns/$ns" "/proc/self/ns/$ns"; done | paste - - >"$T/ns"
	cat "$p/uid_map" >"$T/uid_map"
	cat "$p/mountinfo" >"$T/mountinfo"
	cat "$p/environ" >"$T/environ"
	cat "$p/limits" >"$T/limits"
	ls -A "$p/root/" >"$T/ls"
	find "$p/fd" -type l -printf '%l\n' >"$T/fd"
	nsenter -t "${p#/proc/}" -u hostname >"$T/hostname"
	nsenter -t "${p#/proc/}" -n ip -br link >"$T/links"
	for i in $(cat "$cg/cgroup.procs"); do [ ! -e "/proc/$i/exe" ] || readlink "/proc/$i/exe"; done >"$T/processes" || true
	t_is "it ran all the while" "$(zoneadm -z $z list -p | cut -d: -f3)" running

	t_is "one process is in the zone (besides the kernel's own)" "$(wc -l <"$T/processes")" 1
	t_is "its name" "$(sed -n 's/^Name:[[:space:]]*//p' "$T/status" | head -n 1)" zhyve
	threads=$(grep -c ^Pid: "$T/status")
	# Fields of status that must be the same in every thread: "Name value".
	while read -r field want; do
		have=$(sed -n "s/^$field:[[:space:]]*//p" "$T/status" | tr '\t' ' ' | sort -u | paste -sd '|')
		t_is "$field of each of $threads threads" "${have%% }" "${want//_/ }"
	done <<-END
		Uid ${uid}_${uid}_${uid}_${uid}
		Gid ${uid}_${uid}_${uid}_${uid}
		Groups
		CapInh 0000000000000000
		CapPrm 0000000000000000
		CapEff 0000000000000000
		CapBnd 0000000000000000
		CapAmb 0000000000000000
		NoNewPrivs 1
		Seccomp 2
	END
	t_like "it is the init of its pid namespace" "$(grep NSpid "$T/status" | head -n 1)" '[[:space:]]1$'
	while read -r its ours; do
		t_is "it has a ${its%%:*} namespace of its own" "$([ "$its" != "$ours" ] && echo own)" own
	done <"$T/ns"
	t_is "its uid map is one line, its own" "$(awk '{ print $1, $2, $3 }' "$T/uid_map")" "$uid $uid 1"
	t_is "one mount is in its tree" "$(wc -l <"$T/mountinfo")" 1
	t_like "an empty read-only one" "$(cat "$T/mountinfo")" ' / / ro,nosuid,nodev,noexec.* tmpfs '
	t_is "nothing is in its root" "$(cat "$T/ls")" ""
	t_is "its environment is empty" "$(wc -c <"$T/environ")" 0
	t_is "its hostname is the zone's" "$(cat "$T/hostname")" $z
	t_like "its interfaces: only a loopback, down" "$(cat "$T/links")" '^lo +DOWN'
	t_is "and no other" "$(wc -l <"$T/links")" 1
	t_is "its descriptors of files of this host" "$(grep '^/' "$T/fd" | grep -v '^/memfd:' | sort | paste -sd ' ')" \
		"/dev/kvm /dev/null"
	t_like "no core file" "$(cat "$T/limits")" '^Max core file size +0 +0'
	t_like "bounded threads" "$(cat "$T/limits")" '^Max processes +66 +66'
	t_run "halt" 0 zoneadm -z $z halt
	if [ -n "${ZHYVE_IN_HOST:-}" ]; then # its memory is its own
		pool() { awk '/HugePages_Total/ { t = $2 } /HugePages_Free/ { f = $2 } /HugePages_Rsvd/ { r = $2 } END { print t - f + r }' /proc/meminfo; }
		wait_for 5 daemon_gone
		t_run "huge pages" 0 zonecfg -z $z "add attr; set name=hugepages; set type=string; set value=2M; end"
		t_run "boot where there are none" 1 env ZHYVE_BIN="$zhyve" zoneadm -z $z boot
		t_like "says so" "$t_err" 'memory of 64 MiB in huge pages: the host has not so many free'
		echo 34 >/proc/sys/vm/nr_hugepages
		if [ "$(cat /proc/sys/vm/nr_hugepages)" -eq 34 ]; then
			t_run "boot" 0 env ZHYVE_BIN="$zhyve" zoneadm -z $z boot
			t_is "its memory is made of them" "$(pool)" 32
			t_run "halt" 0 zoneadm -z $z halt
			t_is "they are given back" "$(pool)" 0
		else
			t_skip "a guest of huge pages" "the host's memory is in too many pieces for them"
		fi
		echo 0 >/proc/sys/vm/nr_hugepages
		t_run "and back" 0 zonecfg -z $z "remove -F attr name=hugepages"
	fi
else
	t_skip "zhyve in its jail" "no access to /dev/kvm"
fi

# --- limits ---
if [ -z "$limits" ]; then
	wait_for 5 daemon_gone
	t_run "boot with the probe" 0 env ZHYVE_BIN="$probe" zoneadm -z $z boot
	while read -r file want; do
		t_is "$file" "$(cat "$cg/$file")" "${want//_/ }"
	done <<-END
		cpu.max 150000_100000
		cpu.weight 300
		memory.max 268435456
		memory.oom.group 1
		pids.max 40
	END
	# Changed while it lives; what is cleared is not limited any more, and what is refused stays.
	t_run "other limits" 0 zonecfg -z $z "remove -F rctl name=zone.cpu-cap; set zfs-io-priority=250;
		select rctl name=zone.cpu-shares; remove value (priv=privileged,limit=300,action=none);
		add value (priv=privileged,limit=50,action=none); end"
	t_is "are not there yet" "$(cat "$cg/cpu.weight")" 300
	t_run "apply" 0 zoneadm -z $z apply
	t_is "then they are" "$(cat "$cg/cpu.weight") $(cat "$cg/cpu.max") $(cat "$cg/memory.max")" "50 max 100000 268435456"
	if [ -e "$cg/io.weight" ]; then
		t_is "the share of I/O" "$(cat "$cg/io.weight")" "default 250"
	else
		t_skip "the share of I/O" "this kernel has no io.weight"
	fi
	t_is "the event" "$(tail -n 1 "$root/zones/$z/logs/events.jsonl" | jq -r .event)" limits-applied
	printf 'fork 1000\r' | zlogin -C $z >"$T/fork" &
	viewer=$!
	wait_for 30 grep -q '^forked' "$T/fork" || true
	kill $viewer
	wait || true
	t_like "a fork bomb ends at the limit" "$(cat "$T/fork")" 'forked [123][0-9] of 1000'
	t_run "an event says so" 0 wait_for 10 grep -q '"lwps-limit"' "$root/zones/$z/logs/events.jsonl"
	t_run "halt" 0 zoneadm -z $z halt
	wait_for 5 daemon_gone
	t_run "boot once more" 0 env ZHYVE_BIN="$probe" zoneadm -z $z boot
	printf 'eat 400\r' | timeout 60 zlogin -C -d $z >"$T/eat" || true
	t_like "more memory than the cap ends it" "$(tail -n 5 "$T/eat")" "killed by the kernel: the zone's memory cap"
	t_is "the events" "$(tail -n 3 "$root/zones/$z/logs/events.jsonl" | jq -r .event | paste -sd ' ')" "memory-limit vmm-crash halted"
	t_run "apply to a zone that is not live" 1 zoneadm -z $z apply
	t_like "says so" "$t_err" "zone '$z': not running"
	t_run "a cap below the guest's memory" 0 zonecfg -z $z "select rctl name=zone.max-physical-memory; remove value
		(priv=privileged,limit=268435456,action=deny); add value (priv=privileged,limit=33554432,action=deny); end"
	t_run "is refused" 1 zoneadm -z $z boot
	t_like "with what to do" "$t_err" 'is less than the guest.s memory .*raise the cap or lower ram'
	t_run "and back" 0 zonecfg -z $z "select rctl name=zone.max-physical-memory; remove value
		(priv=privileged,limit=33554432,action=deny); add value (priv=privileged,limit=268435456,action=deny); end"
	# Limits of I/O, on a disk of the host.
	truncate -s 8M "$T/io"
	if grep -qw io "$v2/cgroup.controllers" && loop=$(losetup -f --show "$T/io"); then
		t_atexit "losetup -d $loop"
		wait_for 5 daemon_gone
		t_run "a disk with limits" 0 zonecfg -z $z "add device; set match=$loop; add property (name=model,value=virtio);
			add property (name=read-bps,value=1M); add property (name=write-iops,value=70); end"
		t_run "ready" 0 zoneadm -z $z ready
		number=$(lsblk -dno MAJ:MIN "$loop" | tr -d ' ')
		t_is "io.max" "$(cat "$cg/io.max")" "$number rbps=1048576 wbps=max riops=max wiops=70"
		t_run "without" 0 zonecfg -z $z "remove device match=$loop"
		t_run "apply" 0 zoneadm -z $z apply
		t_is "io.max" "$(cat "$cg/io.max")" ""
		t_run "halt" 0 zoneadm -z $z halt
	else
		t_skip "limits of I/O" "no io controller, or no loop device"
	fi
	# CPUs of its own; `other` stands for a zone that runs beside it.
	all=$(cat /sys/devices/system/cpu/online)
	if grep -qw cpuset "$v2/cgroup.controllers" && [ "$all" != 0 ]; then
		wait_for 5 daemon_gone
		t_run "a CPU of its own" 0 zonecfg -z $z "remove -F rctl name=zone.cpu-shares; add dedicated-cpu; set ncpus=1; end"
		t_run "ready" 0 zoneadm -z $z ready
		mkdir "$v2/zhyve/other"
		t_is "it has one" "$(cat "$cg/cpuset.cpus")" 0
		t_run "halt" 0 zoneadm -z $z halt
		t_run "and again, beside the other" 0 zoneadm -z $z ready
		t_like "which is kept off it" "$(cat "$v2/zhyve/other/cpuset.cpus")" '^1(-[0-9]+)?$'
		t_run "halt" 0 zoneadm -z $z halt
		t_is "the other may run anywhere" "$(cat "$v2/zhyve/other/cpuset.cpus")" ""
		rmdir "$v2/zhyve/other"
		t_run "more than there are" 0 zonecfg -z $z "select dedicated-cpu; set ncpus=1000; end"
		t_run "are refused" 1 zoneadm -z $z ready
		t_like "with how many there are" "$t_err" 'dedicated-cpu: [0-9]+ of the host.s [0-9]+ CPUs can be had alone .*, not 1000'
		t_run "and back" 0 zonecfg -z $z "remove dedicated-cpu; set cpu-shares=50"
	else
		t_skip "CPUs of its own" "one CPU, or no cpuset controller"
	fi
else
	t_skip "limits of the zone" "cgroup v2 has no controllers here"
	t_run "a limit" 0 zonecfg -z $z "add rctl; set name=zone.cpu-cap; add value (priv=privileged,limit=150,action=deny); end"
	t_run "that cannot be set" 1 zoneadm -z $z boot
	t_like "is an error with what to do" "$t_err" 'cgroup v2 has no cpu controller here'
	t_run "without it" 0 zonecfg -z $z "remove -F rctl name=zone.cpu-cap"
fi
t_is "no cgroup is left" "$([ ! -e "$cg" ] && echo none)" none
t_done
