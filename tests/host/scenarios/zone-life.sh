#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=180 kernel=any
#
# The life of a zone, with tests/jail/probe in zhyve's place, which ends as it is told: every end of a guest is told from every other,
# and whatever happens to whom, nothing is left behind. Needs no KVM.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
export ZHYVE_BIN=${PROBE:-$top/build/tests/jail/probe}
z=life
cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones" "$T"
echo kernel >"$T/kernel"

state() { zoneadm -z $z list -p | cut -d: -f3; }
daemon() { pgrep -f "zoneadmd -z $z -r" || true; }
zhyve_pid() { head -n 1 "$cg/$z/cgroup.procs" 2>/dev/null || true; }
has_zhyve() { [ -n "$(zhyve_pid)" ]; }
is_installed() { [ "$(state)" = installed ]; }
last() { cut -d' ' -f3 "$root/zones/$z/lastexited"; }
events() { tail -n "$1" "$root/zones/$z/logs/events.jsonl" | jq -r .event | tr '\n' ' '; }
daemon_gone() { [ -z "$(daemon)" ]; }
# Type one line on the console, and watch until the zone halts (or 30 s).
# type_until LINE FILE TEXT: type it on the console and stay, what is seen going to $T/FILE, until TEXT is there.
type_until() {
	local v
	printf '%s\r' "$1" | zlogin -C $z >"$T/$2" 2>/dev/null &
	v=$!
	wait_for 30 grep -qaF -- "$3" "${4:-$T/$2}" || true
	kill $v 2>/dev/null || true
	wait $v 2>/dev/null || true
}
tell() { printf '%s\r' "$1" | timeout 30 zlogin -C -d $z 2>/dev/null | tail -n 12 | tr -d '\r' || true; }
attr() { zonecfg -z $z "remove -F attr name=$1" && zonecfg -z $z "add attr; set name=$1; set type=string; set value=\"$2\"; end"; }
nothing_left() { # TEXT
	local left=
	wait_for 5 daemon_gone || left+=" zoneadmd"
	[ ! -e "$root/run/zones/$z" ] || left+=" $(echo "$root/run/zones/$z"/*)"
	[ ! -e "$cg/$z" ] || left+=" $cg/$z"
	! pgrep -f "SYSbhyve-$did\$" >/dev/null || left+=" zhyve"
	t_is "$1: nothing is left" "$left" ""
}
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"

# --- configured, installed ---
t_run "a zone is configured" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/kernel; end;
	add attr; set name=bootargs; set type=string; set value=quiet; end;
	add attr; set name=ram; set type=string; set value=64; end; commit"
did=$(jq .did "$root/etc/zones/$z.json")
t_run "boot of a zone that is not installed" 1 zoneadm -z $z boot
t_like "says so" "$t_err" "^zoneadm: zone '$z': must be installed before boot.$"
t_run "install" 0 zoneadm -z $z install
t_is "its zone path is root's alone" "$(stat -c '%U %a' "$root/zones/$z")" "root 700"
t_run "install again" 1 zoneadm -z $z install
t_like "says so" "$t_err" 'is already installed'
t_run "verify" 0 zoneadm -z $z verify
for c in halt reboot shutdown; do
	t_run "$c of a zone that is not running" 1 zoneadm -z $z $c
	t_like "says so" "$t_err" "^zoneadm: zone '$z': (zone is already halted|not running)$"
done
nothing_left "refused commands"

# refused STATE: what docs/zone-states.md has for this state, and is not ok, is refused with that text.
refused() {
	local column command says n=0 wrong=
	column=$(grep '^| | ' "$top/docs/zone-states.md" | tr -d ' ' | tr '|' '\n' | grep -nx "$1" | cut -d: -f1)
	while IFS='|' read -r command says; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		timeout 60 zoneadm -z $z $command >/dev/null 2>"$T/err" </dev/null && wrong+=" $command:done"
		grep -qF -- "$says" "$T/err" || wrong+=" $command:$(cat "$T/err")"
	done < <(sed -n 's/^| `zoneadm \(boot\|ready\|halt\|shutdown\|reboot\|install\|uninstall\|mark incomplete\)`/|\1/p' \
		"$top/docs/zone-states.md" | awk -F' *[|] *' -v c="$column" '$c != "ok" { print $2 ($2 == "uninstall" ? " -F" : "") "|" $c }')
	t_is "$1: what must be refused is, with its text ($n commands)" "$wrong" ""
	t_is "$1: there were some" "$([ "$n" -ge 4 ] && echo yes)" yes
}
refused installed

# --- ready ---
t_run "ready" 0 zoneadm -z $z ready
t_is "its state" "$(state)" ready
refused ready
t_is "it is in no plain list" "$(zoneadm list | grep -c "^$z\$")" 0
t_run "ready again" 1 zoneadm -z $z ready
t_like "says so" "$t_err" 'zone is already ready'
t_run "boot of a ready zone" 0 zoneadm -z $z boot
t_is "its state" "$(state)" running
refused running
t_run "boot again" 1 zoneadm -z $z boot
t_like "says so" "$t_err" 'zone is already booted'
t_like "the list for programs has eight fields" "$(zoneadm list -p | grep ":$z:")" \
	"^$did:$z:running:/zones/$z:[0-9a-f-]{36}:bhyve:excl:$did\$"
t_run "uninstall of a running zone" 1 zoneadm -z $z uninstall -F
t_like "says so" "$t_err" 'invalid for running zones'
t_run "halt" 0 zoneadm -z $z halt
t_is "what ended it" "$(last)" halted
nothing_left "halt"

# --- every end of a guest ---
while read -r command word event; do
	t_run "boot" 0 zoneadm -z $z boot
	out=$(tell "$command")
	t_is "$command: the zone is down" "$(state)" installed
	t_is "$command: lastexited says" "$(last)" "$word"
	t_like "$command: the event" "$(events 2)" "^$event halted"
	t_like "$command: the viewer is told" "$out" 'NOTICE: Zone halted\.  Disconnecting'
	nothing_left "$command"
done <<-END
	power-off power-off guest-poweroff
	halt halt guest-halt
	triple-fault triple-fault triple-fault
	error error vmm-error
	panic panic guest-panic
	crash crash vmm-crash
	refused filter vmm-killed
	wire-garbage crash vmm-crash
	wire-order crash vmm-crash
END

if [ -n "${ZHYVE_IN_HOST:-}" ]; then # the kernel's audit records go to the first network namespace only
	t_like "the filter's kill has its process, thread and call" "$(grep '"filter-kill"' "$root/zones/$z/logs/events.jsonl" | jq -r .detail)" \
		'^zhyve \(pid [0-9]+\), thread probe: system call 110$'
fi

# --- reset: the zone stands, only zhyve is new ---
t_run "boot" 0 zoneadm -z $z boot
first=$(zhyve_pid) owner=$(daemon)
type_until reset typed guest-reset "$root/zones/$z/logs/events.jsonl"
wait_for 5 has_zhyve
t_is "after a reset the zone is running" "$(state)" running
t_like "zhyve is a new one" "$(zhyve_pid)" "^[0-9]+\$"
t_is "and not the old one" "$([ "$(zhyve_pid)" != "$first" ] && echo new)" new
t_is "zoneadmd is the same" "$(daemon)" "$owner"
t_like "the event" "$(grep -c guest-reset "$root/zones/$z/logs/events.jsonl")" '^1$'
t_run "reboot" 0 zoneadm -z $z reboot
t_is "the zone is running" "$(state)" running
# kill -9 of zhyve is neither a halt nor a reset
kill -9 "$(zhyve_pid)"
wait_for 5 is_installed
t_is "kill -9 of zhyve: lastexited says" "$(last)" crash
t_like "and the event" "$(events 2)" '^vmm-crash halted'
nothing_left "kill -9 of zhyve"

# --- the power button ---
t_run "boot" 0 zoneadm -z $z boot
t_run "shutdown" 0 zoneadm -z $z shutdown
t_is "the guest powered off" "$(last)" power-off
t_run "boot" 0 zoneadm -z $z boot
t_run "shutdown -r" 0 zoneadm -z $z shutdown -r
t_is "the zone is up again" "$(state)" running
t_run "halt" 0 zoneadm -z $z halt

# --- the console ---
t_run "boot" 0 zoneadm -z $z boot
timeout 60 zlogin -C $z </dev/null >"$T/view1" &
first=$!
(printf 'one and all\r'; wait_for 20 grep -q "heard 'one" "$T/view1" "$T/view2"; sleep 0.5; printf '\r~.') | timeout 60 zlogin -C $z >"$T/view2"
wait_for 20 grep -q "heard 'one" "$T/view1" || true
t_like "a viewer sees the answer to what it typed" "$(cat "$T/view2")" "heard 'one and all'"
t_like "and is told when it is disconnected" "$(cat "$T/view2")" "^\[Connection to zone '$z' console closed\]"
t_like "another viewer sees it too" "$(cat "$T/view1")" "heard 'one and all'"
t_run "halt" 0 zoneadm -z $z halt
kill $first
wait || true
(wait_for 20 grep -q 'Zone halted' "$T/view3"; printf '~.') | timeout 60 zlogin -C $z >"$T/view3"
t_like "after a halt the history is there" "$(cat "$T/view3")" "heard 'one and all'"
t_like "with the notice" "$(cat "$T/view3")" 'NOTICE: Zone halted'
nothing_left "a look at a halted zone's console"
t_run "zlogin without -C" 1 zlogin $z
t_like "says why" "$t_err" "login allowed only to running zones"
t_run "zlogin -l with -C" 2 zlogin -C -l root $z
t_run "zlogin to no such zone" 1 zlogin -C nowhere
t_like "says so" "$t_err" "^zlogin: zone 'nowhere' unknown$"
# --- the terminal is raw while connected, and as before after, also when zlogin is killed ---
cat >"$T/terminal.py" <<'END'
import os, pty, signal, subprocess, sys, termios, time
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
p = subprocess.Popen(["zlogin", "-C", sys.argv[1]], stdin=slave, stdout=slave, stderr=slave)
for i in range(100):
    time.sleep(0.05)
    if not termios.tcgetattr(slave)[3] & termios.ICANON:
        break
lflag = termios.tcgetattr(slave)[3]
assert not lflag & (termios.ICANON | termios.ECHO | termios.ISIG), "not raw"
if sys.argv[2] == "escape":
    os.write(master, b"\r~.")
else:
    p.send_signal(getattr(signal, sys.argv[2]))
status = p.wait(10)
assert termios.tcgetattr(slave) == before, "not set back"
print(status)
END
t_run "boot" 0 zoneadm -z $z boot
t_run "zlogin on a terminal, left by its escape" 0 python3 "$T/terminal.py" $z escape
t_is "its status" "$t_out" 0
for sig in SIGTERM SIGHUP; do
	t_run "zlogin on a terminal, ended by $sig" 0 python3 "$T/terminal.py" $z $sig
done

# --- a command of the operator's in the zone's namespaces ---
inside() { timeout 30 zlogin $z "$@"; }
t_run "zlogin with a command" 0 inside sh -c 'hostname; for ns in pid net ipc uts cgroup user; do readlink /proc/self/ns/$ns; done; ps -o pid= -C probe'
t_is "it is in the zone's namespaces, but for the user's, and sees its processes" "$(paste -sd ' ' <<<"$t_out" | tr -s ' ')" \
	"$z $(for ns in pid net ipc uts cgroup; do readlink "/proc/$(zhyve_pid)/ns/$ns"; done | paste -sd ' ') $(readlink /proc/self/ns/user) 1"
t_is "its root is the host's" "$(inside stat -c %i /etc/passwd)" "$(stat -c %i /etc/passwd)"
t_run "its exit status" 7 inside sh -c 'exit 7'
t_run "a signal that ends it" 143 inside sh -c 'kill -TERM $$'
t_run "a program that is not there" 127 inside no-such-program
t_is "its input" "$(echo through | inside cat)" through
t_is "none" "$(echo through | timeout 30 zlogin -n $z cat)" ""
t_is "a shell" "$(echo 'echo $((6 * 7))' | SHELL='' timeout 30 zlogin -Q $z)" 42
t_run "what it leaves running" 0 inside sh -c 'sleep 4321 >/dev/null 2>&1 & echo started'
type_until peers peers "peers: "
t_like "is there for the zone's process, which can do nothing to it" "$(cat "$T/peers")" '^peers: some met, 0 done'
zlogin $z sleep 4322 &
login=$!
t_run "another" 0 wait_for 10 pgrep -f 'sleep 4322$'
kill -TERM $login
wait $login && st=0 || st=$?
t_is "is ended with zlogin" "$st" 143
zlogin $z sleep 4323 2>"$T/login" &
login=$!
t_run "one more" 0 wait_for 10 pgrep -f '^sleep 4323$'
kill -STOP $login
t_run "halt, while that zlogin is stopped" 0 timeout 30 zoneadm -z $z halt
kill -CONT $login
wait $login && st=0 || st=$?
t_is "it says that the machine has ended" "$st $(cat "$T/login")" \
	"1 zlogin: zone '$z': its machine has ended, or has reset itself, and the command with it"
t_is "all of them are gone with the machine" "$(pgrep -f '^sleep 432[123]$' || true)" ""
t_run "boot" 0 zoneadm -z $z boot

# --- the control socket, as any language can speak it ---
cat >"$T/varlink.py" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(json.dumps({"method": sys.argv[2], "parameters": json.loads(sys.argv[3]), "more": len(sys.argv) > 4}).encode() + b"\0")
print("sent", file=sys.stderr, flush=True)
data, seen = b"", 0
while seen < (int(sys.argv[4]) if len(sys.argv) > 4 else 1):
    more = s.recv(65536)
    if not more:
        break
    data += more
    seen = data.count(b"\0")
for m in data.split(b"\0"):
    if m:
        print(m.decode())
END
call() { python3 "$T/varlink.py" "$root/run/zones/$z/control" "$@" 2>"$T/sent"; }
t_like "GetStatus" "$(call org.zhyve.Zone.GetStatus '{}')" '"state":"running".*"init_restarts":0'
t_like "GetInfo" "$(call org.varlink.service.GetInfo '{}')" '"product":"zoneadmd"'
t_like "GetInterfaceDescription" \
	"$(call org.varlink.service.GetInterfaceDescription '{"interface":"org.zhyve.Zone"}')" 'method Watch\(from: '
t_like "a method there is not" "$(call org.zhyve.Zone.Fly '{}')" '"error":"org.varlink.service.MethodNotFound"'
t_like "a parameter that is missing" "$(call org.zhyve.Zone.Shutdown '{}')" 'org.varlink.service.InvalidParameter'
t_like "Watch without more" "$(call org.zhyve.Zone.Watch '{}')" 'org.varlink.service.ExpectedMore'
t_like "RefreshDisks" "$(call org.zhyve.Zone.RefreshDisks '{}')" '^\{"parameters":\{\}'
t_run "reaches zhyve" 0 wait_for 10 grep -qa 'wire message 68' "$root/zones/$z/logs/console.log"
# Whatever is sent, it costs the sender its connection at most.
cat >"$T/malformed.py" <<'END'
import socket, sys
call = '{"method":"org.zhyve.Zone.%s"%s}'
said = [b"", b"\0", b"\0" * 70000, b"{", b"[]\0", b"null\0", b"\xff\xfe\0", b"{}\0", b"x" * 3000000, b"[" * 60000 + b"\0", b'{"method":1}\0',
    b'{"method":"org.zhyve.Zone.Boot","parameters":[]}\0', b'{"method":"' + b"A" * 100000 + b'"}\0', b'{"method":"a","method":"b"}\0']
said += [(call % m).encode() + b"\0" for m in (("Shutdown", ',"parameters":{"timeout_s":-1}'), ("Shutdown", ',"parameters":{"timeout_s":1e400}'),
    ("Boot", ',"parameters":{"options":{"a":1}}'), ("Boot", ',"parameters":{"options":[' + "0," * 999 + "0]}"), ("SetBalloon", ',"parameters":{"target":"x"}'),
    ("GetVcpus", ',"parameters":{"first":-1}'), ("Watch", ',"more":true,"parameters":{"from":-9}'), ("Watch", ',"more":"yes"'),
    ("Resume", ""), ("Fly", ',"more":true'), ("GetStatus", ',"upgrade":true'))]
said += [(call % ("GetStatus", "")).encode()[:n] for n in range(1, 40, 3)] + [b"{}\0" * 20000]
for text in said:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    try:
        s.connect(sys.argv[1])
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.close()
print(len(said), "sent")
END
t_run "messages that are none, or make no sense, on the control socket" 0 timeout 60 python3 "$T/malformed.py" "$root/run/zones/$z/control"
t_run "and on the console's" 0 timeout 60 python3 "$T/malformed.py" "$root/run/zones/$z/console"
t_like "zoneadmd is the same, and the zone runs on" "$(daemon) $(call org.zhyve.Zone.GetStatus '{}')" "^$(daemon) .*\"state\":\"running\".*\"init_restarts\":0"
t_is "nobody else gets as far as its sockets" "$(setpriv --reuid 65534 --regid 65534 --clear-groups ls "$root/run/zones/$z" 2>&1 | grep -c 'Permission denied')" 1
type_until deaf typed "heard nothing"
t_like "a guest that does not hear the power button" "$(call org.zhyve.Zone.Shutdown '{"timeout_s":1}')" \
	'"error":"org.zhyve.Zone.Failed".*"errno":110.*it still runs'
t_is "still runs" "$(state)" running
rm -f "$T/sent"
call org.zhyve.Zone.Watch '{}' 1 >"$T/watch" &
wait_for 10 grep -q sent "$T/sent"
t_run "halt" 0 zoneadm -z $z halt
wait
t_like "a watcher is told" "$(cat "$T/watch")" '"event":"halted".*"mono_ns":[0-9]+'

# --- events, from the beginning, and as they come ---
log=$root/zones/$z/logs/events.jsonl
seqs() { jq -r .seq "$1" | paste -sd ' '; }
n=$(wc -l <"$log")
t_run "events from the first on" 0 timeout 30 zoneadm -z $z events -s 0 -n "$n"
echo "$t_out" >"$T/events"
t_is "are those of the log, from every zoneadmd there was" "$(cmp "$T/events" "$log" && echo same)" same
t_is "with numbers that count" "$(seqs "$T/events")" "$(seq -s ' ' "$n")"
# Of all zones, with this one coming to life and going again while they are followed.
wait_for 5 daemon_gone
timeout 60 zoneadm events -n 2 -s $((n + 1)) >"$T/all" &
follower=$!
t_run "ready" 0 zoneadm -z $z ready
t_run "apply without a limit" 0 zoneadm -z $z apply
wait $follower && st=0 || st=$?
t_is "a zone that comes later is followed" "$st $(jq -r .event "$T/all" | paste -sd ' ')" "0 ready limits-applied"
# Who is in the group may look, not change. (The group is made in the virtual host only.)
if [ -z "$root" ]; then
	groupadd -f zones
	chmod 711 "$T"
	t_run "what is up only half is stopped by force" 0 vmadm stop -F "$(jq -r .uuid /etc/zones/$z.json)"
	t_like "and that is told" "$t_err" '^Successfully completed stop'
	wait_for 5 daemon_gone
	t_run "ready, with the group" 0 zoneadm -z $z ready
	as() { setpriv --reuid 65534 --regid "$1" --clear-groups "${@:2}"; }
	t_run "a member of the group reads events" 0 as zones timeout 20 zoneadm -z $z events -s 1 -n 1
	t_is "the first" "$(jq .seq <<<"$t_out")" 1
	t_like "and the state" "$(as zones python3 "$T/varlink.py" "/run/zones/$z/control" org.zhyve.Zone.GetStatus '{}' 2>&1)" '"state":"ready"'
	t_like "but halts nothing" "$(as zones python3 "$T/varlink.py" "/run/zones/$z/control" org.zhyve.Zone.Halt '{}' 2>&1)" \
		'"error":"org.zhyve.Zone.NotPermitted","parameters":\{"method":"org.zhyve.Zone.Halt"\}'
	t_run "others do not get in" 1 as nogroup python3 "$T/varlink.py" "/run/zones/$z/control" org.zhyve.Zone.GetStatus '{}'
	t_run "nor to the console" 1 as zones python3 "$T/varlink.py" "/run/zones/$z/console" x '{}'
	t_is "the zone" "$(state)" ready
else
	t_skip "members of the group zones" "not in the virtual host"
fi
t_run "halt" 0 zoneadm -z $z halt

# --- with the host: zones.service's commands, in a cgroup as it gets one ---
mkdir "${cg%/zhyve}/delegated"
in_it() { sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "${cg%/zhyve}/delegated" "$@"; }
wait_for 5 daemon_gone
t_run "autoboot of a zone that has it off" 0 zoneadm autoboot
t_is "leaves it" "$(state)" installed
t_run "autoboot=true" 0 zonecfg -z $z "set autoboot=true"
cat >"$T/notified.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(sys.argv[1])
print("bound", file=sys.stderr, flush=True)
for n in range(int(sys.argv[2])):
    print(s.recv(4096).decode().replace("\n", " "))
END
python3 "$T/notified.py" "$T/notify" 3 >"$T/notes" 2>"$T/bound" &
listener=$!
wait_for 10 grep -q bound "$T/bound"
t_run "autoboot" 0 in_it env NOTIFY_SOCKET="$T/notify" zoneadm autoboot -d
t_is "boots it" "$(state)" running
t_is "below the cgroup that was delegated" "$(wc -l <"${cg%/zhyve}/delegated/zhyve/$z/cgroup.procs")" 1
t_run "again" 0 zoneadm autoboot
t_run "the host goes down" 0 env NOTIFY_SOCKET="$T/notify" zoneadm autoboot -s
wait $listener || true
t_is "the service manager is told" "$(paste -sd '|' "$T/notes")" \
	"STATUS=booting zone $z, 1 of 1|READY=1 STATUS=booted 1 of 1 zones|STOPPING=1 STATUS=shutting 1 zones down, which have 120 s"
t_is "and the guest with it, in order" "$(state) $(last)" "installed power-off"
wait_for 5 daemon_gone
t_run "nothing of zones is in that cgroup" 0 wait_for 5 rmdir "${cg%/zhyve}/delegated"
t_run "zones go where they were" 0 zoneadm -z $z boot
t_is "although that is noted still" "$(wc -l <"$cg/$z/cgroup.procs")" 1
rm "$root/run/zones/.cgroup"
type_until deaf typed "heard nothing"
t_run "a guest that does not hear" 0 zoneadm autoboot -s -t 1
t_is "what becomes of it is said, once" "$t_err" "zoneadm: zone '$z': the guest did not power off in 1 s: it is halted"
t_is "is halted" "$(state) $(last)" "installed halted"
t_run "from the top there is nothing to delegate" 1 sh -c 'echo $$ >"$1/cgroup.procs" && zoneadm autoboot -d' - "${cg%/zhyve}"
t_run "autoboot=false" 0 zonecfg -z $z "set autoboot=false"

# --- metadata on COM2 ---
t_run "boot" 0 zoneadm -z $z boot
type_until "ask GET sdc:zonename" meta "answer: SUCCESS $z"
t_like "the guest asks for its zone's name" "$(cat "$T/meta")" "^answer: SUCCESS $z"
type_until "ask nonsense" meta "answer: FAILURE"
t_like "and what makes no sense is answered so" "$(cat "$T/meta")" '^answer: (FAILURE|invalid command)'
t_run "halt" 0 zoneadm -z $z halt

t_run "a guest that floods its console" 0 zoneadm -z $z boot
type_until "flood 3000000" flood "flood end"
t_is "keeps its log in bounds" "$([ "$(cat "$root/zones/$z/logs"/console.log* | wc -c)" -le 524288 ] && echo yes)" yes
t_run "halt" 0 zoneadm -z $z halt
wait || true

# --- starts that fail ---
attr bootargs fail
t_run "a machine that cannot be built" 1 zoneadm -z $z boot
t_like "says why" "$t_err" "^zoneadm: zone '$z': .*told to fail"
nothing_left "a failed boot"
attr bootargs die
t_run "a machine that crashes on the way" 1 zoneadm -z $z boot
t_like "says so" "$t_err" "killed by signal 4"
nothing_left "a crash on the way"
attr bootargs hang
zoneadm -z $z boot 2>"$T/err" &
wait_for 5 has_zhyve
t_run "a second boot meanwhile" 1 zoneadm -z $z boot
t_like "says so" "$t_err" 'already being booted'
t_run "halt while booting" 0 zoneadm -z $z halt
wait $! && st=0 || st=$?
t_is "the boot fails" "$st" 1
t_like "and says why" "$(cat "$T/err")" 'halted while it booted'
nothing_left "halt while booting"
# zhyve that hangs, and zoneadmd killed: the kernel ends zhyve, the next command the rest.
zoneadm -z $z boot 2>"$T/err" &
wait_for 5 has_zhyve
# shellcheck disable=SC2046  # until it has executed zhyve its child bears its name, too
kill -9 $(daemon)
wait $! && st=0 || st=$?
t_is "the boot fails" "$st" 1
t_like "and says why" "$(cat "$T/err")" 'zoneadmd was killed, and the zone with it'
nothing_left "kill -9 of zoneadmd while booting"
attr bootargs loop
t_run "a guest that resets itself for ever" 0 zoneadm -z $z boot
sleep 1.5
t_like "is slowed down" "$(grep -c guest-reset "$root/zones/$z/logs/events.jsonl")" '^[0-9]$|^1[0-9]$'
t_is "and is running" "$(state)" running
t_run "and can be halted" 0 zoneadm -z $z halt
nothing_left "a loop of resets"
rm "$T/kernel"
attr bootargs quiet
t_run "a kernel that is missing" 1 zoneadm -z $z boot
t_like "says which" "$t_err" "cannot open kernel '$T/kernel': No such file"
nothing_left "a missing kernel"
echo kernel >"$T/kernel"
t_run "a zhyve that is missing" 1 env ZHYVE_BIN="$T/none" zoneadm -z $z boot
t_like "says so" "$t_err" "cannot open zhyve '$T/none'"
wait_for 5 daemon_gone
t_run "a zoneadmd that is missing" 1 env ZONEADMD_BIN="$T/none" zoneadm -z $z boot
t_like "says so" "$t_err" "cannot execute '$T/none'"
nothing_left "missing programs"

# A running zone, zoneadmd killed, and nobody asking at that moment.
attr bootargs quiet
t_run "boot" 0 zoneadm -z $z boot
type_until "remember this" typed "heard 'remember this'"
victim=$(zhyve_pid)
kill -9 "$(daemon)"
t_run "zhyve ends with its zoneadmd" 0 wait_for 5 sh -c "! kill -0 $victim"
t_is "the ledger says what is left" "$(grep -c '"make"' "$root/run/zones/$z/ledger.jsonl")" 4
t_like "the next list cleans up" "$(zoneadm list -cp)" ":$z:installed:"
nothing_left "kill -9 of zoneadmd"
(wait_for 20 grep -q "heard 'remember this'" "$T/view5" || true; printf '~.') | timeout 60 zlogin -C $z >"$T/view5"
t_like "what the console had is still there" "$(cat "$T/view5")" "heard 'remember this'"
nothing_left "a look at it"

# --- zoneadmd killed at any moment ---
# By the clock; zone-killed.sh does it by system call.
for ms in 0 5 10 20 40; do
	zoneadm -z $z boot >/dev/null 2>&1 &
	until [ -n "$(daemon)" ] || ! kill -0 $! 2>/dev/null; do :; done
	sleep "$(printf '0.%03d' "$ms")"
	# It forks once on its way, and the command starts another when it could not ask the first.
	while pids=$(daemon) && { [ -n "$pids" ] || kill -0 $! 2>/dev/null; }; do
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
	done
	wait $! || true
	zoneadm list >/dev/null
	[ ! -e "$root/run/zones/$z" ] && [ ! -e "$cg/$z" ] || {
		nothing_left "killed after $ms ms"
		break
	}
done
nothing_left "zoneadmd killed at 5 moments of a boot"
t_run "and the zone boots again" 0 zoneadm -z $z boot

# --- another name ---
t_run "zonecfg set zonename of a running zone" 1 zonecfg -z $z "set zonename=after"
t_like "is refused" "$t_err" 'rename operation is invalid for running zones'
t_run "halt" 0 zoneadm -z $z halt
t_run "of an installed one" 0 zonecfg -z $z "set zonename=after"
t_is "only the new one is there, with its number" "$(zoneadm list -cp | grep -E ":($z|after):" | cut -d: -f2,3,4,8)" "after:installed:/zones/after:$did"
t_run "it boots" 0 zoneadm -z after boot
t_is "under its name" "$(zlogin after hostname)" after
t_run "halt" 0 zoneadm -z after halt
t_run "and back" 0 zonecfg -z after "set zonename=$z"
t_run "nothing is left" 0 wait_for 5 sh -c "[ ! -e '$root/run/zones/after' ] && [ ! -e '$root/zones/after' ]"

# --- two at once, uninstall ---
for i in 1 2 3 4; do (zoneadm -z $z boot 2>/dev/null && echo booted >>"$T/boots" || true) & done
wait
t_is "of four boots at once one wins" "$(wc -l <"$T/boots")" 1
t_run "halt" 0 zoneadm -z $z halt
timeout 60 zlogin -C $z </dev/null >"$T/view4" &
wait_for 20 grep -q Connected "$T/view4" || true
t_run "uninstall without -F and without a terminal" 1 zoneadm -z $z uninstall
t_run "uninstall" 0 zoneadm -z $z uninstall -F
t_like "the viewer is told" "$(cat "$T/view4")" 'NOTICE: Zone is being uninstalled\.  Disconnecting'
t_is "its zone path is gone" "$([ ! -e "$root/zones/$z" ] && echo gone)" gone
t_is "its state" "$(zoneadm -z $z list -p | cut -d: -f3)" configured
wait || true
nothing_left "uninstall"
t_run "mark needs its word" 2 zoneadm -z $z mark running
t_run "an unknown subcommand" 2 zoneadm -z $z fly
t_run "no zone" 1 zoneadm boot
t_like "says so" "$t_err" '^zoneadm: no zone specified$'
t_run "no such zone" 1 zoneadm -z nowhere boot
t_like "says so" "$t_err" '^zoneadm: nowhere: No such zone configured$'
t_run "the global zone" 1 zoneadm -z global boot
t_like "says so" "$t_err" 'boot operation is invalid for the global zone'
t_run "-p and -v" 1 zoneadm list -pv
t_like "says so" "$t_err" 'list -p and -v are mutually exclusive'
t_run "delete" 0 zonecfg -z $z delete -F
t_done
