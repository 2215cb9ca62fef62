#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=150
#
# A zone's devices that attributes ask for, as a stock kernel has them: a TPM that keeps what is written to it over resets and halts, and
# whose process is jailed and can be lost; lines and sockets to the host; a balloon; disks that grow. One zone, three lives of a tiny guest.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
tool=${VSOCK_CAT:-$top/build/tests/host/vsock_cat}

tiny_with "$T/initrd" "virtio_pci virtio_blk nvme virtio_console virtio_balloon vmw_vsock_virtio_transport" "$tool" <<'SH'
# TPM 2.0 library, part 3: NV_DefineSpace, NV_Write, NV_Read of index 0x01500001 (8 bytes), PCR_Read of PCR 0 (SHA-256).
session='\0\0\0\11\100\0\0\11\0\0\0\0\0'
index='\1\120\0\1'
tpm() { # COMMAND (as of printf): the answer in hexadecimal
	exec 5<>/dev/tpm0
	printf "$1" | dd bs=4096 count=1 >&5 2>/dev/null
	dd bs=4096 count=1 <&5 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
	exec 5>&-
}
nv_read() { tpm "\200\2\0\0\0\43\0\0\1\116$index$index$session\0\10\0\0"; }
pcr=$(tpm '\200\1\0\0\0\24\0\0\1\176\0\0\0\1\0\13\3\1\0\0')
echo "guest: pcr ${pcr} sysfs $(cat /sys/class/tpm/tpm0/pcr-sha256/0)"
nv=$(nv_read)
echo "guest: nv $nv"
if [ "${nv#????????????}" = 0000018b ]; then # TPM_RC_HANDLE: there is no such index yet
	echo "guest: define $(tpm "\200\2\0\0\0\55\0\0\1\52\100\0\0\1$session\0\0\0\16$index\0\13\0\6\0\6\0\0\0\10")"
	echo "guest: write $(tpm "\200\2\0\0\0\53\0\0\1\67$index$index$session\0\10remember\0\0")"
	echo "guest: kept $(nv_read)"
	reboot -f
	sleep 60
fi
port() { # NAME: its device
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat "$p/name")" != "$1" ] || echo "/dev/${p##*/}"
	done
}
size() { blockdev --getsize64 "/dev/$1"; }
await() { # SECONDS TEST...
	i=$(($1 * 5))
	shift
	while [ $i -gt 0 ] && ! "$@"; do sleep 0.2; i=$((i - 1)); done
}
bigger() { [ "$(size vda)" -gt 16777216 ] && [ "$(size nvme0n1)" -gt 16777216 ]; }
inflated() { [ "$(awk '/^balloon_inflate / { print $2 }' /proc/vmstat)" -ge 16384 ]; }
echo "guest: sizes $(size vda) $(size nvme0n1)"
exec 3<>"$(port org.zhyve.test)"
echo "guest: ready"
# Until the host has connected there is nothing to read.
while ! read -r line <&3 || [ -z "$line" ]; do sleep 0.2; done
echo "guest: heard $line"
echo "and $line to you" >&3
called() { asked=$(echo "guest calling" | vsock_cat connect 7); } # refused while no service waits there
await 20 called
echo "guest: asked $asked"
echo "answer" | vsock_cat listen 1000 >/got
echo "guest: got $(cat /got)"
await 20 bigger
echo "guest: sizes $(size vda) $(size nvme0n1)"
await 20 inflated
echo "guest: balloon $(awk '/^balloon_inflate / { print $2 }' /proc/vmstat)"
# Numbers, each to one disk and then to the other: what is of one instant has two that are equal, or one that is ahead by one.
n=0
while :; do
	n=$((n + 1))
	for d in vda nvme0n1; do echo $n | dd of=/dev/$d bs=512 conv=sync oflag=direct 2>/dev/null; done
	[ $n != 3 ] || echo "guest: counts"
done
SH

jq -n '{brand: "bhyve", alias: "devices", ram: 256, autoboot: false, tpm: true, balloon: true, virtio_ports: ["org.zhyve.test"],
	vsock_cid: 77, vsock_ports: [7], disks: [{boot: true, model: "virtio", size: 16}, {model: "nvme", size: 16}]}' >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid run=/run/zones/$uuid
t_run "its kernel" 0 zonecfg -u "$uuid" "add attr; set name=kernel; set type=string; set value=$cache/vmlinux; end;
	add attr; set name=initrd; set type=string; set value=$T/initrd; end;
	add attr; set name=bootargs; set type=string; set value=\"$quick\"; end; commit"

# What the guest says, one line each, from a place in its log on.
log=$z/logs/console.log from=0
said() { tail -c +$((from + 1)) "$log" | tr -d '\0\r' | grep -a "guest: $1" | tail -n 1 | sed "s/.*guest: $1 \?//"; }
has() { [ -n "$(tail -c +$((from + 1)) "$log" | tr -d '\0' | grep -a "guest: $1")" ]; }

t_run "start" 0 vmadm start "$uuid"
t_run "the guest comes up, resets itself and comes up again" 0 wait_for 60 has ready
has ready || { t_fail "it is there" "$(tail -c 600 "$log" | tr -d '\0\r')"; t_done; }
answer=8001000000 # TPM_ST_NO_SESSIONS, and a size below 256
zeroes=$(printf '%064d' 0)
t_like "it reads a PCR by /dev/tpm0" "$(said pcr)" "^${answer}..00000000.*0020$zeroes sysfs $zeroes"
t_like "it defined an index in the TPM" "$(said define)" '^8002........00000000'
t_like "what it wrote there" "$(said write)" '^8002........00000000'
remember=$(printf remember | od -An -tx1 | tr -d ' ')
t_like "is there" "$(said kept)" "$remember"
t_like "and after its reset" "$(said nv)" "$remember"

# --- the TPM's process ---
pid=$(vmadm info "$uuid" tpm | jq .tpm.pid)
did=$(jq .did "/etc/zones/$uuid.json")
p=/proc/$pid
status=$(cat "$p/status")
t_is "its process is swtpm" "$(cat "$p/comm")" swtpm
uid=$((0x72000000 + did))
t_is "with a uid of its own" "$(awk '/^[UG]id/ { print $2, $3, $4, $5 }' <<<"$status" | sort -u)" "$uid $uid $uid $uid"
t_is "no capability" "$(sed -n 's/^Cap...:[[:space:]]*//p' <<<"$status" | sort -u)" 0000000000000000
t_is "a filter of system calls, and no way to privileges" "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' <<<"$status" | paste -sd ' ')" "1 2"
t_is "in the zone's cgroup" "$(sed 's/.*:://' "$p/cgroup")" "/zhyve/$uuid"
t_is "no network" "$(nsenter -t "$pid" -n ip -br link | awk '{ print $1 }')" lo
t_is "three folders" "$(find "$p/root/" -mindepth 1 -maxdepth 1 -printf '%f ' | xargs -n1 | sort | paste -sd ' ')" "lib lib64 state usr"
t_is "of which it can write one" "$(awk '$6 ~ /^rw/ { print $5 }' "$p/mountinfo")" /state
t_is "where its state is" "$(find "$p/root/state/" -type f -name '*.permall' -printf '%m %U\n')" "600 $uid"
t_is "it is the state of the zone" "$(ls -A "$z/tpm")" "$(ls -A "$p/root/state/")"
for ns in cgroup ipc mnt net pid user uts; do
	[ "$(readlink "$p/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ] || echo "$ns"
done >"$T/shared"
t_is "it shares no namespace with the host" "$(cat "$T/shared")" ""
zpid=$(vmadm get "$uuid" | jq .pid)
t_is "nor with zhyve" "$([ "$(readlink "$p/ns/mnt")" != "$(readlink "/proc/$zpid/ns/mnt")" ] && echo own)" own

# --- lines and sockets ---
t_is "the sockets are root's" "$(find "$run" -type s -name '[pv]*' -printf '%f %m %u\n' | sort)" "port.org.zhyve.test 600 root
vsock 600 root
vsock.7 600 root"
sock=$(vmadm info "$uuid" chardev | jq -r '.chardev["org.zhyve.test"]')
t_is "vmadm info names them" "$sock $(vmadm info "$uuid" vsock | jq -r '.vsock | .cid, .ports["7"]' | paste -sd ' ')" \
	"$run/port.org.zhyve.test 77 $run/vsock.7"
(echo "host answering" | timeout 60 socat -t 20 - "UNIX-CONNECT:$run/vsock.7" >"$T/asked") &
answer() { timeout 20 sh -c '(echo "hello"; sleep 2) | socat -t 10 - "UNIX-CONNECT:$0"' "$sock"; }
t_is "a line to the guest and back" "$(answer)" "and hello to you"
t_run "the guest reaches a service of the host's" 0 wait_for 20 has asked
t_is "each hears the other" "$(said asked), $(cat "$T/asked")" "host answering, guest calling"
call() { (printf 'CONNECT 1000\n'; sleep 1; echo "host calling"; sleep 1) | timeout 10 socat -t 5 - "UNIX-CONNECT:$run/vsock" >"$T/call" && grep -q answer "$T/call"; }
t_run "a client of the host's reaches the guest" 0 wait_for 30 call
t_like "and gets its answer" "$(paste -sd ' ' "$T/call")" '^OK [0-9]+ answer'
t_run "which heard it" 0 wait_for 10 has "got host calling"

# --- disks that grow ---
jq -n --arg z "$z" '{update_disks: [{path: ($z + "/disk0.raw"), size: 24}, {path: ($z + "/disk1.raw"), size: 32}]}' >"$T/grow.json"
t_run "update makes the disks larger" 0 vmadm update "$uuid" -f "$T/grow.json"
t_run "the guest is told" 0 wait_for 25 has "sizes 25165824 33554432"
t_is "vmadm info says so" "$(vmadm info "$uuid" block | jq -c '[.block[].size]')" '[25165824,33554432]'
t_is "and get" "$(vmadm get "$uuid" | jq -c '[.disks[].size]')" '[24,32]'
jq '.update_disks[0] += {size: 8, dangerous_allow_shrink: true}' "$T/grow.json" >"$T/shrink.json"
t_run "a running one cannot be made smaller" 1 vmadm update "$uuid" -f "$T/shrink.json"
t_is "by SmartOS's message" "$t_err" \
	'at least one specified update to disks is only allowed when state is "stopped", currently: running (running)'

# --- limits ---
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve/$uuid
cgroup() { cat "$cg/cpu.max" "$cg/cpu.weight" "$cg/pids.max" | paste -sd ' '; }
t_run "update limits a running VM" 0 vmadm update "$uuid" cpu_cap=50 cpu_shares=70 max_lwps=900
t_is "at once" "$(cgroup)" "50000 100000 70 900"
t_run "and takes its cap away" 0 vmadm update "$uuid" cpu_cap=0
t_is "at once, too" "$(cgroup)" "max 100000 70 900"

# --- the balloon ---
t_is "before, the guest has all of its memory" "$(vmadm info "$uuid" balloon | jq .balloon.actual)" $((256 << 20))
t_run "a target" 0 vmadm update "$uuid" balloon_target=192
t_run "the guest's balloon is filled" 0 wait_for 25 has "balloon 16384"
t_is "vmadm info says so" "$(vmadm info "$uuid" balloon | jq -c '.balloon | [.actual, .target]')" "[$((192 << 20)),$((192 << 20))]"
t_run "more than there is" 1 vmadm update "$uuid" balloon_target=512
t_is "is refused" "$t_err" "balloon_target (512) cannot be higher than ram (256)"
t_run "no target" 0 vmadm update "$uuid" balloon_target=
all_back() { [ "$(vmadm info "$uuid" balloon | jq .balloon.actual)" = $((256 << 20)) ]; }
t_run "gives the guest all of its memory back" 0 wait_for 20 all_back

# --- snapshots ---
number() { head -c 512 "$1" | tr -d '\0'; }
t_run "the guest writes to both disks" 0 wait_for 25 has counts
said=
for s in one two three; do
	t_run "snapshot $s of the running VM" 0 vmadm create-snapshot -v "$uuid" $s
	said+=" $(sed -n 's/.*held for \(.* ms\)/\1/p' <<<"$t_err"),"
	a=$(number "$z/snapshots/disk0@vmsnap-$s") b=$(number "$z/snapshots/disk1@vmsnap-$s")
	t_like "has both disks of one instant" "$a $b $((a - b))" '^[0-9]+ [0-9]+ [01]$'
done
echo "# the guest was held for$said"
t_is "get shows them" "$(vmadm get "$uuid" | jq -r '[.snapshots[].name] | join(" ")')" "three two one"
ahead() { [ "$(number $z/disk1.raw)" -gt "$b" ]; }
t_run "the guest goes on" 0 wait_for 20 ahead

# --- losing the TPM; what lasts ---
kill -9 "$pid"
t_run "swtpm killed: it is told" 0 wait_for 10 grep -q tpm-lost "$z/logs/events.jsonl"
t_is "and the machine runs on" "$(vmadm list -H -o state "uuid=$uuid") $(vmadm info "$uuid" tpm | jq -c .tpm)" 'running {"version":"2.0"}'
t_run "update for the next boot" 0 vmadm update "$uuid" balloon=false vsock_cid= vsock_ports=
from=$(stat -c %s "$log")
t_run "stop" 0 vmadm stop "$uuid" -F
t_is "nothing of it runs" "$(pgrep -x swtpm || true)$(ls -A "$run" 2>/dev/null)" ""
t_run "rollback, which starts it" 0 vmadm rollback-snapshot "$uuid" two
for d in disk0 disk1; do t_run "$d is what it was" 0 cmp "$z/$d.raw" "$z/snapshots/$d@vmsnap-two"; done
t_is "the newer snapshot is gone" "$(vmadm get "$uuid" | jq -r '[.snapshots[].name] | join(" ")')" "two one"
t_run "the guest comes up" 0 wait_for 60 has ready
t_like "with a TPM that remembers" "$(said nv)" "$remember"
t_is "its disks have their new sizes" "$(said sizes)" "25165824 33554432"
t_is "the sockets are those of its configuration" "$(find "$run" -type s -name '[pv]*' -printf '%f ')" "port.org.zhyve.test "
pkill -9 -f "zoneadmd -z $uuid"
gone() { ! pgrep -x 'swtpm|zhyve' && zoneadm list >/dev/null && [ ! -e "$run" ]; }
t_run "zoneadmd killed: swtpm goes too, and the sockets" 0 wait_for 20 gone
t_run "delete" 0 vmadm delete "$uuid"
t_is "the zone is gone" "$([ ! -e "$z" ] && echo gone)" gone
t_done
