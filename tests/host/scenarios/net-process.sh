#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=60 kernel=any
#
# A zone whose nic is a process of its own, as it is unless told otherwise: what it is in, that it is killed again and again under a guest's echoes,
# which go on, that the link's protection is what it was, and that nothing of it is left. The guest is tests/guest/ping, which goes on
# until it is told to end; the host is the address of the zone's bridge, in a network namespace of the test's own. Then, with the process
# and without, its link is taken away and given back.
set -eu
[ -n "${NET_PROCESS_INSIDE:-}" ] || NET_PROCESS_INSIDE=1 exec unshare -n bash "$0" "$@"
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
export ZHYVE_BIN=${ZHYVE:-$top/build/src/procs/zhyve/zhyve} ZHYVE_NET_BIN=${ZHYVE_NET:-$top/build/src/procs/net/zhyve-net}
z=netproc tag=netproc0
v2=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)
cg=$v2/zhyve/$z
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
cp "$top/build/tests/guest/ping.elf" "$T/kernel"
ip link set lo up
t_run "a nic tag" 0 nictagadm add -l $tag
t_atexit nictagadm delete -f $tag
ip addr add 10.0.0.1/24 dev zbr-$tag
ip link set zbr-$tag up
truncate -s 1M "$root/zones/$z.raw"
t_atexit rm -f "$root/zones/$z.raw"
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"
t_run "a zone" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=ram; set type=string; set value=64; end;
	add device; set match=$root/zones/$z.raw; add property (name=model,value=virtio); end;
	add net; set physical=net0; set global-nic=$tag; set mac-addr=02:08:20:00:00:77;
	add property (name=primary,value=\"true\"); add property (name=ips,value=\"10.0.0.2/24\"); end; commit"
t_run "install" 0 zoneadm -z $z install
did=$(jq .did "$root/etc/zones/$z.json")
uuid=$(jq -r .uuid "$root/etc/zones/$z.json")
log=$root/zones/$z/logs
link=z${did}n0
net() { for p in $(cat "$cg/cgroup.procs" 2>/dev/null); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" != zhyve-net ] || echo "$p"; done; }
events() { jq -r .event "$log/events.jsonl" | grep -c "^$1\$" || true; }
down() { [ "$(zoneadm -z $z list -p | cut -d: -f3)" = installed ]; }
sent() { awk -v l="$link:" '$1 == l { print $3 }' /proc/net/dev; }
more() { # the guest sends ten frames more
	local to
	to=$(($(sent) + 10))
	grown() { [ "$(sent)" -ge $to ]; }
	wait_for 60 grown
}

t_run "boot" 0 zoneadm -z $z boot
p=$(net)
t_like "one process for the nic, in the zone's cgroup" "$p" '^[0-9]+$'
table() { # of docs/architecture.md: name and uid of each process there
	sed -n '/processes: begin/,/processes: end/s/^| \([a-z-]*\) | [^|]* | \(0x[0-9a-f]*\) + N |.*/\1 \2/p' "$top/docs/architecture.md" |
		while read -r name uid; do echo "$name $((uid + did))"; done
}
pids=$(paste -sd , "$cg/cgroup.procs")
ps -o comm=,uid= -p "$pids" | tr -s ' ' | grep -v '^kvm' | sort >"$T/ps" # the kernel's own is not the zone's
t_is "ps shows of a zone with a disk and a nic what docs/architecture.md says" "$(cat "$T/ps")" "$(table | grep -v 'swtpm\|vnc' | sort)"
for p in ${pids//,/ }; do cat "/proc/$p/task"/*/status; done >"$T/all"
t_is "every thread of theirs is under a filter" "$(awk '/^Name:/ { k = $2 ~ /^kvm/ } /^Seccomp:/ && !k { print $2 }' "$T/all" | sort -u)" 2
p=$(net)
t_run "the guest's frames go through it" 0 more
cat "/proc/$p/status" >"$T/status"
ls -A "/proc/$p/root/" >"$T/ls"
find "/proc/$p/fd" -type l -printf '%l\n' | sort >"$T/fd"
for ns in cgroup ipc mnt net pid user uts; do readlink "/proc/$p/ns/$ns" "/proc/self/ns/$ns"; done | paste - - >"$T/ns"
killed=0
while [ $killed -lt 2 ] && p=$(net) && [ -n "$p" ]; do
	kill -9 "$p" && killed=$((killed + 1))
	back() { [ "$(events nic-back)" -ge $killed ]; }
	wait_for 30 back && more || break
done
t_is "it was killed so many times, and each time frames went on" "$killed" 2
t_is "each end was told" "$(events nic-lost)" 2
t_is "and each return" "$(events nic-back)" 2
t_is "what it sends is still looked at" "$(vmadm info "$uuid" nics | jq '.nics[0].from_guest.passed > 20')" true

# --- the link goes and comes, over a boot as well ---
console() { tr -d '\0\r' <"$log/console.log" | grep -x 'link up\|link down' || true; }
set_link() { # up|down
	echo "{\"update_nics\": [{\"mac\": \"02:08:20:00:00:77\", \"link_state\": \"$1\"}]}" >"$T/update"
	t_run "vmadm update: the link is $1" 0 vmadm update "$uuid" -f "$T/update"
	t_is "so says vmadm info" "$(vmadm info "$uuid" nics | jq -r '.nics[0].link_state')" "$1"
	told() { [ "$(console | tail -n 1)" = "link $1" ]; }
	t_run "the guest is told" 0 wait_for 30 told "$1"
}
quiet() { # no frame goes either way
	local before
	before=$(awk -v l="$link:" '$1 == l { print $3, $11 }' /proc/net/dev)
	echo heard >/dev/udp/10.0.0.2/9 || true
	sleep 0.4 # longer than the guest waits for an answer
	t_is "no frame goes, to the guest or from it" "$(awk -v l="$link:" '$1 == l { print $3, $11 }' /proc/net/dev)" "$before"
}
for process in true false; do
	[ $process = true ] || zonecfg -z $z "add attr; set name=net-process; set type=boolean; set value=false; end"
	t_run "boot, net-process=$process" 0 zoneadm -z $z reboot
	t_run "frames go" 0 more
	set_link down
	quiet
	if [ $process = true ]; then
		downs=$(console | grep -c down)
		t_run "a guest booted meanwhile" 0 zoneadm -z $z reboot
		again() { [ "$(console | grep -c down)" -gt "$downs" ]; }
		t_run "has no link from the start" 0 wait_for 30 again
	fi
	set_link up
	t_run "frames go again" 0 more
done
end() {
	echo end >/dev/udp/10.0.0.2/7
	down
}
wait_for 60 end || true
t_like "the guest lost no buffer, and ended by itself" "$(tr -d '\0\r' <"$log/console.log")" '^ok$'

t_is "its uid is neither zhyve's nor another process's" "$(awk '/^Uid:/ { print $2 }' "$T/status")" $((0x70000000 + 0x02000000 * 3 + did))
t_is "it has no capability" "$(awk '/^Cap(Inh|Prm|Eff|Bnd|Amb):/ { print $2 }' "$T/status" | sort -u)" 0000000000000000
t_is "it is under a system-call filter" "$(awk '/^Seccomp:/ { print $2 }' "$T/status")" 2
t_is "its root is empty" "$(cat "$T/ls")" ""
t_is "it shares no namespace with the host" "$(awk '$1 == $2' "$T/ns")" ""
t_is "of files it has its tap" "$(grep '^/' "$T/fd" | grep -v '^/dev/null$\|^/memfd:' | sort -u)" /dev/net/tun
t_is "and no KVM" "$(grep -c kvm "$T/fd" || true)" 0
left() { ls -d "$cg" "$root/run/zones/$z" "/proc/sys/net/ipv4/conf/$link" 2>/dev/null || true; }
nothing_left() { [ -z "$(left)" ]; }
wait_for 30 nothing_left || true # its zoneadmd ends after it
t_is "nothing of it is left" "$(left)" ""
t_done
