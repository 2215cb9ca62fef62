#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=180 kernel=any
#
# A zone's display: zhyve-vnc beside zhyve in the zone, clients on its UNIX socket and its TCP port, a picture by vmadm, keys to the
# guest (tests/guest/display.c), and nothing of it left after the halt.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
z=display
build=${BUILD:-$top/build}
client=$build/tests/guest/vnc_client
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
cp "$build/tests/guest/display.elf" "$T/kernel"

vnc_pid() { while read -r p; do sed -n "s/^zhyve-vnc\$/$p/p" /proc/"$p"/comm; done <"$cg/$z/cgroup.procs"; }
has_vnc() { [ -n "$(vnc_pid)" ]; }
ready() { grep -qa ready "$T/console"; }
daemon_gone() { ! pgrep -f "zoneadmd -z $z -r" >/dev/null; }
attr() { zonecfg -z $z "remove -F attr name=$1" && zonecfg -z $z "add attr; set name=$1; set type=string; set value=\"$2\"; end"; }
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"

t_run "a zone with a display is configured" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=ram; set type=string; set value=64; end;
	add attr; set name=vnc-port; set type=string; set value=0; end;
	add attr; set name=vnc-password; set type=string; set value=$(printf geheim | base64); end; commit"
uuid=$(jq -r .uuid "$root/etc/zones/$z.json")
t_run "install" 0 zoneadm -z $z install
t_run "ready" 0 zoneadm -z $z ready
mkfifo "$T/keys"
exec 8<>"$T/keys"
zlogin -C $z >"$T/console" 2>/dev/null <"$T/keys" &
console=$!
t_atexit "kill $console"
t_run "boot" 0 zoneadm -z $z boot
wait_for 60 ready || true
t_like "the guest has drawn" "$(tr -d '\0' <"$T/console")" ready

# --- the process that serves it ---
t_run "zhyve-vnc runs in the zone's cgroup" 0 wait_for 10 has_vnc
pid=$(vnc_pid)
status=$(cat /proc/"$pid"/status)
did=$(jq .did "$root/etc/zones/$z.json")
t_like "with a uid of its own" "$status" "^Uid:[[:space:]]$((0x78000000 + did))[[:space:]]"
t_like "and no capability" "$status" '^CapEff:[[:space:]]0+$'
t_like "behind a system-call filter" "$status" '^Seccomp:[[:space:]]2$'
t_is "its root has libraries only" "$(ls -A /proc/"$pid"/root/ | paste -sd " ")" "lib lib64 usr"
t_like "in a pid namespace of its own" "$status" '^NSpid:.*[[:space:]]1$'
t_is "it reads the framebuffer only" "$(grep -c 'rw-s.*framebuffer' /proc/"$pid"/maps || true)" 0
t_is "the password is in no command line" "$(tr '\0' ' ' </proc/"$pid"/cmdline | grep -c geheim || true)" 0

# --- where clients connect ---
t_run "vmadm info" 0 vmadm info "$uuid" vnc
port=$(jq .vnc.port <<<"$t_out")
t_is "it says the host" "$(jq -r .vnc.host <<<"$t_out")" 127.0.0.1
t_is "and the password" "$(jq -r .vnc.password <<<"$t_out")" geheim
sock=$(jq -r .vnc.socket <<<"$t_out")
t_is "the socket is root's alone" "$(stat -c '%U %a' "$sock")" "root 600"
export VNC_PASSWORD=falsch
t_run "a client with another password" 1 timeout 30 "$client" "127.0.0.1:$port" size=320x200
export VNC_PASSWORD=geheim
t_run "a client on the port sees what the guest drew" 0 timeout 60 "$client" "127.0.0.1:$port" size=320x200 pixel=0,0,ff00ff pixel=319,199,ffffff
t_run "another one on the socket, and types" 0 timeout 60 "$client" "$sock" size=320x200 pixel=319,0,00ff00 type=a
key_seen() { tr -d '\0\r' <"$T/console" | grep -qx 'key 1e'; }
t_run "the guest gets the key" 0 wait_for 20 key_seen

# --- its picture ---
t_run "vmadm sysrq screenshot" 0 vmadm sysrq "$uuid" screenshot
png=$root/zones/$z/screenshot.png
t_like "says where it is" "$t_err" "^Wrote screenshot of VM $uuid to $png\$"
t_is "a PNG file of the guest's size" "$(head -c 24 "$png" | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a0000000d4948445200000140000000c8
t_is "root's alone" "$(stat -c '%U %a' "$png")" "root 600"

# --- losing zhyve-vnc ---
kill -9 "$pid"
t_run "zhyve-vnc killed: the machine runs on" 0 wait_for 10 grep -q display-lost "$root/zones/$z/logs/events.jsonl"
t_is "its state" "$(zoneadm -z $z list -p | cut -d: -f3)" running

# --- the end ---
t_run "halt" 0 zoneadm -z $z halt
kill $console
wait_for 10 daemon_gone || true
t_is "nothing of it is left" "$(ls -A "$root/run/zones/$z" 2>/dev/null)$(ls -d "$cg/$z" 2>/dev/null)$(pgrep -x zhyve-vnc || true)" ""

# --- without ---
attr vnc-port -1
cp "$build/tests/guest/stay.elf" "$T/kernel"
t_run "boot without a display" 0 zoneadm -z $z boot
t_run "vmadm info" 0 vmadm info "$uuid" vnc
t_is "tells of none" "$(jq -c . <<<"$t_out")" '{"vnc":{}}'
t_run "a screenshot" 1 vmadm sysrq "$uuid" screenshot
t_like "is refused" "$t_err" 'has no display: set its attribute vnc-port'
zoneadm -z $z halt
attr vnc-port 70000
t_run "a port that is none" 1 zoneadm -z $z boot
t_like "is refused" "$t_err" "attr vnc-port: '70000' is not a port number"
t_done
