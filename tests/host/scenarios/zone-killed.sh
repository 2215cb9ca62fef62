#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=180 kernel=any
#
# zoneadmd killed as it enters a system call, for the system calls of a whole life (boot and halt): whatever stood at that moment, the next
# `zoneadm list` leaves nothing of it. STEP=1 takes every single one; the default takes every 59th, beginning at another one each day.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
step=${STEP:-59}
z=killed
real=${ZONEADMD_BIN:-/usr/lib/zones/zoneadmd}
export ZHYVE_BIN=${PROBE:-$top/build/tests/jail/probe}
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
echo kernel >"$T/kernel"
net=
if [ -z "$root" ]; then
	nictagadm add -l killed0
	t_atexit nictagadm delete killed0
	net='add net; set physical=net0; set global-nic=killed0; set mac-addr=02:08:20:00:00:77;
		add property (name=primary,value="true"); end;'
fi
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"
t_run "a zone" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive; $net
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=bootargs; set type=string; set value=quiet; end;
	add attr; set name=ram; set type=string; set value=64; end; commit"
t_run "install" 0 zoneadm -z $z install
did=$(jq .did "$root/etc/zones/$z.json")

daemon_gone() { ! pgrep -f "zoneadmd -z $z -r|killat -z $z -r" >/dev/null; }
traced() { # CALL COMMAND...
	env KILLAT="$1" KILLAT_PROGRAM="$real" KILLAT_COUNT="$T/count" ZONEADMD_BIN="${KILLAT_BIN:-$top/build/tests/jail/killat}" "${@:2}"
}
left() {
	[ ! -e "$root/run/zones/$z" ] || echo "$root/run/zones/$z"/*
	[ ! -e "$cg/$z" ] || echo "$cg/$z"
	[ ! -e "/sys/class/net/z${did}n0" ] || echo "z${did}n0"
	pgrep -f "SYSbhyve-$did\$" || true
	pgrep -f "zoneadmd -z $z -r" || true
}

t_run "a whole life under the tracer" 0 traced 1000000 zoneadm -z $z boot
t_run "halt" 0 zoneadm -z $z halt
wait_for 10 daemon_gone
t_is "nothing is left of it" "$(left)" ""
total=$(cat "$T/count")
t_is "its system calls were counted" "$([ "$total" -gt 100 ] && echo yes || echo "$total")" yes
killed=0
for ((at = 1 + $(date +%j | sed 's/^0*//') % step; at <= total; at += step)); do
	traced "$at" zoneadm -z $z boot >/dev/null 2>&1 || true
	zoneadm -z $z halt >/dev/null 2>&1 || true
	wait_for 10 daemon_gone || true
	killed=$((killed + 1))
	zoneadm list >/dev/null
	rest=$(left)
	[ -z "$rest" ] || t_fail "killed at system call $at of $total: nothing is left" "$rest"
done
t_is "killed at $killed of $total system calls, nothing is left" "$(left)" ""
t_run "and the zone boots" 0 zoneadm -z $z boot
t_run "and halts" 0 zoneadm -z $z halt
wait_for 10 daemon_gone
t_is "nothing is left at the end" "$(left)" ""
t_done
