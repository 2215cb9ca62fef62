#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: mode=smt time=90 zones=1G,ext4
#
# Core scheduling, on a kernel that has it and a core with two threads, as the host's only one: what runs of a zone has one cookie, its
# devices' processes and its zoneadmd too, each zone has another, and the host has none. And that it keeps two busy zones apart: while one runs, the
# other thread of the core stands idle rather than run the other zone (core_sched.force_idle_usec of the zones' cgroups), which it does not
# for zones that do without (attr core-scheduling). The guests are tests/guest/replay, which never pauses.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

build=${BUILD:-$top/build}
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve
cp "$build/tests/guest/replay.elf" "$T/kernel"

# cookies THREAD...: of each, in a line; 0: it has none. prctl(2), PR_SCHED_CORE.
cat >"$T/cookies" <<'END'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
PR_SCHED_CORE, GET, ONE_THREAD = 62, 0, 0
for thread in sys.argv[1:]:
    cookie = ctypes.c_uint64()
    if libc.prctl(PR_SCHED_CORE, GET, int(thread), ONE_THREAD, ctypes.byref(cookie)) != 0:
        sys.exit("thread %s: %s" % (thread, os.strerror(ctypes.get_errno())))
    print(cookie.value)
END
# shellcheck disable=SC2046  # numbers
cookies() { python3 "$T/cookies" $(cat) | sort -u | paste -sd ' '; }
threads() { cat "$cg/$1/cgroup.threads"; }
programs() { for p in $(cat "$cg/$1/cgroup.procs"); do cat "/proc/$p/comm"; done | sort | paste -sd ' '; }
daemon() { pgrep -f "zoneadmd -z $1 -r"; }
cpu_stat() { awk -v key="$2" '$1 == key { print $2 }' "$cg/$1/cpu.stat"; }
both() { echo $(($(cpu_stat one "$1") + $(cpu_stat two "$1"))); }
# Each has run for a second at least since.
ran() { [ "$(cpu_stat one usage_usec)" -gt $((was_one + 1000000)) ] && [ "$(cpu_stat two usage_usec)" -gt $((was_two + 1000000)) ]; }
compete() { # sets $idle and $used, microseconds of forced idleness and of use by both, and $share, hundredths of a CPU that this is
	local idle0 used0 t0
	was_one=$(cpu_stat one usage_usec) was_two=$(cpu_stat two usage_usec)
	idle0=$(both core_sched.force_idle_usec) used0=$(both usage_usec) t0=$(date +%s%N)
	wait_for 60 ran || return 1
	used=$(($(both usage_usec) - used0))
	share=$((used * 100000 / ($(date +%s%N) - t0)))
	idle=$(($(both core_sched.force_idle_usec) - idle0))
}

t_is "a core with two threads, and no other CPU" "$(cat /sys/devices/system/cpu/smt/active) $(cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list) $(nproc)" "1 0-1 2"
for z in one two; do
	truncate -s 1M "/zones/$z.raw"
	t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F; rm -f /zones/$z.raw"
	t_run "zone $z" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
		add attr; set name=kernel; set type=string; set value=$T/kernel; end;
		add attr; set name=ram; set type=string; set value=64; end;
		add attr; set name=vnc-port; set type=string; set value=0; end;
		add device; set match=/zones/$z.raw; add property (name=model,value=virtio);
		add property (name=pci-slot,value=\"0:5:0\"); end; commit"
	t_run "is installed" 0 zoneadm -z $z install
	t_run "and booted" 0 zoneadm -z $z boot
done

echo 5 >"$cg/cpu.weight" # this shell is to get on beside two guests that never pause

# --- cookies ---
t_is "the zone's processes" "$(programs one)" "zhyve zhyve-blk zhyve-vnc"
t_is "have several threads" "$([ "$(threads one | wc -l)" -gt 3 ] && echo yes || threads one)" yes
one=$(threads one | cookies) two=$(threads two | cookies)
t_like "which all have one cookie" "$one" '^[1-9][0-9]*$'
t_like "those of another zone have one, too" "$two" '^[1-9][0-9]*$'
t_is "but another" "$([ "$one" != "$two" ] && echo yes || echo "$one")" yes
t_is "a zone's zoneadmd has the zone's" "$(daemon one | cookies), $(daemon two | cookies)" "$one, $two"
t_is "the host has none" "$(basename -a /proc/1/task/* "/proc/$$"/task/* | cookies)" 0
t_like "the log says that it is on" "$(cat /zones/one/logs/zoneadmd.log)" 'nothing else does \(core scheduling\)'
kill -9 "$(pgrep -x zhyve-blk | head -n 1)"
back() { [ "$(programs one) $(programs two)" = "zhyve zhyve-blk zhyve-vnc zhyve zhyve-blk zhyve-vnc" ]; }
t_run "a device's process that was killed is back" 0 wait_for 30 back
t_is "with the zone's cookie" "$(threads one | cookies), $(threads two | cookies)" "$one, $two"
t_run "a reboot" 0 zoneadm -z one reboot
t_is "leaves the zone its cookie" "$(threads one | cookies)" "$one"

# --- what it does ---
echo 1 >/proc/sys/kernel/sched_schedstats # else nothing of it is counted
t_run "two busy zones" 0 compete
t_is "are kept apart" "$([ "$idle" -gt 0 ] && echo yes || echo "$idle us")" yes
echo "# together they had $share hundredths of a CPU's time; a thread stood idle for $((idle / 1000)) ms of $((used / 1000))"
for z in one two; do
	t_run "$z does without from its next boot on" 0 zonecfg -z $z "add attr; set name=core-scheduling; set type=string; set value=false; end"
	t_run "which is now" 0 sh -c "zoneadm -z $z halt && zoneadm -z $z boot"
done
t_is "no thread of theirs has a cookie" "$(threads one | cookies), $(threads two | cookies)" "0, 0"
t_run "two busy zones without" 0 compete
t_is "are not kept apart" "$idle" 0
echo "# together they had $share hundredths of a CPU's time"
t_done
