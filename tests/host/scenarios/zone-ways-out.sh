#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=120 kernel=any
#
# The ways out of the jail (tests/jail/hostile*.c), tried from zhyve's place in a whole zone and from those of its helpers, each in its own jail
# and before any system-call filter: what tests/jail/check tries layer by layer. Then what zoneadmd opens and reads itself (tests/jail/doors.py).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
probe=${PROBE:-$top/build/tests/jail/probe}
helper=${HELPER_PROBE:-$top/build/tests/jail/helper_probe}
landlock=$(grep -o landlock /sys/kernel/security/lsm 2>/dev/null || true)
z=ways
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve/$z
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
cp "$top/build/tests/guest/stay.elf" "$T/kernel"
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"
truncate -s 1M "$T/disk"
# What was tried: FILE NAME UID. Each line is "...: refused" or "...: DONE".
judge() {
	local n=0 line
	t_is "$2: its uid, gid, pid, groups" "$(sed -n 's/^identity: //p' "$1")" "uid $3 gid $3 pid 1 groups 0"
	while read -r line; do
		n=$((n + 1))
		case $line in
		*': refused '*) ;;
		landlock:*) [ -z "$landlock" ] || t_fail "$2: ${line%: *}" "$line" ;;
		*) t_fail "$2: ${line%: *}" "$line" ;;
		esac
	done < <(grep -av '^identity: \|^end: ' "$1" | tr -d '\0')
	t_like "$2: all its ways were tried" "$(grep -a '^end: ' "$1")" '^end: [3-9][0-9][0-9]|^end: [0-9]{4}'
}
on_disk() { grep -qa '^end: ' "$T/disk"; }
t_run "a zone with a TPM, a display, a disk as a process" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=ram; set type=string; set value=64; end;
	add attr; set name=tpm; set type=string; set value=true; end;
	add attr; set name=vnc-port; set type=string; set value=0; end;
	add attr; set name=disk-process; set type=string; set value=true; end;
	add device; set match=$T/disk; add property (name=model,value=virtio); end; commit"
t_run "install" 0 zoneadm -z $z install
did=$(jq .did "$root/etc/zones/$z.json")
t_run "boot with probes in all places" 0 env ZHYVE_BIN="$probe" SWTPM_BIN="$helper" ZHYVE_VNC_BIN="$helper" ZHYVE_BLK_BIN="$helper" zoneadm -z $z boot
wait_for 60 grep -qa '^probe end' "$root/zones/$z/logs/console.log"
wait_for 60 test -e "$root/zones/$z/tpm/probe"
wait_for 60 on_disk
tr -d '\r' <"$root/zones/$z/logs/console.log" | sed -n '/^probe identity/,$s/^probe //p' | sed 's/ env empty$//' >"$T/zhyve"
judge "$T/zhyve" zhyve $((0x70000000 + did))
judge "$root/zones/$z/tpm/probe" swtpm $((0x72000000 + did))
tr -d '\0' <"$T/disk" >"$T/blk"
judge "$T/blk" zhyve-blk $((0x74000000 + did))
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1]); sys.stdout.write(s.makefile().read())' \
	"$root/run/zones/$z/vm.vnc" >"$T/vnc"
judge "$T/vnc" zhyve-vnc $((0x78000000 + did))
# Core scheduling: the cookies of the zone's processes, and of this one.
cat >"$T/cookies.py" <<'END'
import ctypes, errno, os, sys
prctl, cookies = ctypes.CDLL(None, use_errno=True).prctl, set()
for pid in map(int, sys.argv[1:]):
    value = ctypes.c_uint64(0)
    if prctl(62, 0, pid, 0, ctypes.byref(value)) == 0:  # PR_SCHED_CORE, PR_SCHED_CORE_GET, one thread
        cookies.add(value.value)
    elif ctypes.get_errno() in (errno.ENODEV, errno.EINVAL):
        print("this machine's CPUs have no SMT" if ctypes.get_errno() == errno.ENODEV else "this kernel has no core scheduling")
        sys.exit(77)
    elif ctypes.get_errno() != errno.ESRCH:
        sys.exit("prctl: %s" % os.strerror(ctypes.get_errno()))
print(*sorted(cookies))
END
text="all processes of the zone have one core scheduling cookie, and nobody else has it"
# shellcheck disable=SC2046  # numbers
cookies=$(python3 "$T/cookies.py" $(cat "$cg"/cgroup.procs)) && st=0 || st=$?
if [ $st -eq 77 ]; then
	t_skip "$text" "$cookies"
else
	others=$(python3 "$T/cookies.py" $$ 1) || true
	t_is "$text" "$(wc -w <<<"$cookies") $([ "$cookies" != 0 ] && echo taken) $(grep -qw "$cookies" <<<"$others" || echo alone)" "1 taken alone"
fi
t_run "halt" 0 zoneadm -z $z halt
t_is "no cgroup is left" "$([ ! -e "$cg" ] && echo none)" none
PYTHONDONTWRITEBYTECODE=1 "$top/tests/jail/doors.py" "${BUILD:-$top/build}" >"$T/doors" 2>&1 || true
grep '^#' "$T/doors" || true
while read -r line; do
	case $line in
	'ok '*) t_ok "${line#*- }" ;;
	'not ok '*) t_fail "${line#*- }" ;;
	esac
done <"$T/doors"
t_like "all doors were tried" "$(tail -n 1 "$T/doors")" '^1\.\.[0-9]+$'
t_done
