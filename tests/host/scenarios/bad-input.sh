#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=180 kernel=any
#
# What a clumsy or a malicious user does to each program: one message that names the object and the reason, the documented exit
# status, and nothing is left behind. Needs no guest. What needs no root is in tests/unit/cmd, the command line of zhyve in tests/guest/options.sh.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
z=bad
u1=bad00000-0000-4000-8000-000000000001
img=bad00000-0000-4000-8000-0000000000ff
kernel=$top/build/tests/guest/stay.elf
esc=$(printf 'a\033[31mb')
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups env -u ZHYVE_ROOT)
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
chmod 755 "$T" # for nobody

bad() { # TEXT STATUS REGEX COMMAND...: fails so, saying that, without steering the terminal
	local text=$1 want=$2 regex=$3 st=0
	shift 3
	timeout -k 5 30 "$@" >"$T/out" 2>"$T/err" </dev/null || st=$?
	if [ "$st" -ne "$want" ]; then
		t_fail "$text" "exit status $st, wanted $want: $*" "$(cat -v "$T/out" "$T/err")"
	elif ! grep -qE -- "$regex" "$T/out" "$T/err"; then
		t_fail "$text" "nothing matches: $regex" "$(cat -v "$T/out" "$T/err")"
	elif grep -q "$(printf '\033')" "$T/err"; then
		t_fail "$text" "an escape sequence came through" "$(cat -v "$T/err")"
	else
		t_ok "$text"
	fi
}

# All that must be as before: configurations, zones, volumes, images, cgroups, links, mounts, processes.
left() {
	find "$root/etc/zones" "$root/zones" "$root/run/zones" -mindepth 1 ! -name '*.lock' ! -path "$root/zones/images" | sort
	find /sys/fs/cgroup -type d -name '*zhyve*' ! -path '*/zhyve' 2>/dev/null | sort
	ip -br link | awk '{ print $1 }' | sort
	grep -c . /proc/self/mounts
}
daemon_gone() { ! pgrep -f "zoneadmd -z $z -r" >/dev/null; }
before=$(left)
t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F; imgadm delete $img"

head -c 300000 /dev/urandom >"$T/noise"
truncate -s 2M "$T/raw"
mkdir "$T/dir"
mkfifo "$T/fifo"

# --- usage: each program, status as in its manual ---
for tool in zonecfg zoneadm zlogin vmadm nictagadm; do
	bad "$tool: unknown option" 2 '[Uu]sage|Invalid command' $tool -Z
	bad "$tool: nothing to do" 2 '[Uu]sage' $tool
done
bad "imgadm: unknown option" 1 'error \(UnknownOption\): unknown option: "-Z"' imgadm -Z
bad "zhyve: unknown option" 1 'usage: zhyve' zhyve -Z x
bad "zhyve: malformed size" 64 "invalid memsize '12x'" zhyve -m 12x x

# --- zhyve: its files, its rights, KVM ---
for f in noise:'is not a kernel' dir:'not a regular file' fifo:'not a regular file' none:'No such file'; do
	bad "zhyve: ${f%%:*} for a kernel" 4 "$T/${f%%:*}'.*${f#*:}" zhyve -m 64m -l "kernel,$T/${f%%:*}" x
done
bad "zhyve: /dev/kvm without rights" 4 '/dev/kvm.*group kvm.*Permission denied' \
	"${nobody[@]}" zhyve -m 64m -l kernel,/etc/hostname x
bad "zhyve: no /dev/kvm" 4 "/dev/kvm'.*module loaded.*No such file" \
	unshare -m sh -c "mount -t tmpfs none /dev && exec zhyve -m 64m -l kernel,$kernel x"
bad "zhyve: /dev/kvm is another device" 4 "/dev/kvm' is not KVM's device" \
	unshare -m sh -c "mount --bind /dev/null /dev/kvm && exec zhyve -m 64m -l kernel,$kernel x"
bad "zhyve: an initrd larger than the memory" 4 "$T/big' .* does not fit" \
	sh -c "truncate -s 3G '$T/big'; exec zhyve -m 64m -l kernel,$kernel,initrd='$T/big' x"
bad "zhyve: a disk of odd size" 4 "$T/odd'.*not a multiple" \
	sh -c "truncate -s 5000001 '$T/odd'; exec zhyve -m 64m -l kernel,$kernel -s 3,virtio-blk,'$T/odd' x"
bad "zhyve: a disk that is a folder" 4 "$T/dir'" zhyve -m 64m -l "kernel,$kernel" -s 3,virtio-blk,"$T/dir" x
bad "zhyve: a slot used twice" 4 'slot 0:3:0 is used twice' zhyve -m 64m -l "kernel,$kernel" -s 3,virtio-rnd -s 3,virtio-rnd x

# --- rights ---
bad "zoneadm: not root" 1 'only a privileged user may boot a zone' "${nobody[@]}" zoneadm -z $z boot
bad "zonecfg: not root" 1 'run zonecfg as root' "${nobody[@]}" zonecfg -z $z create
bad "vmadm: not root" 2 'FATAL: cannot run because: you are not root' "${nobody[@]}" vmadm list
bad "imgadm: not root" 1 'must be run as root' "${nobody[@]}" imgadm list
bad "zoneadmd: not root" 1 'only root may run' "${nobody[@]}" "${ZONEADMD_BIN:-/usr/lib/zones/zoneadmd}" -z $z
bad "nictagadm: not root" 1 'must be run as root' "${nobody[@]}" nictagadm list

# --- names that are paths or orders to a terminal ---
for name in ../x /x "$esc" '' "$(printf 'a%.0s' {1..80})"; do
	bad "zonecfg: the name '$(printf %s "${name:0:8}" | cat -v)'" 1 'invalid zone name' zonecfg -z "$name" create
done
bad "zoneadm: a path for a name" 1 "invalid zone name '\.\./x'" zoneadm -z ../x boot
bad "imgadm: a path for a uuid" 1 'invalid uuid' imgadm delete ../../etc
bad "nictagadm: an order for a name" 1 "name is invalid: 'a\?\[31mb'" nictagadm add -l "$esc"
bad "nictagadm: no such port" 1 "interface 'nosuchif' does not exist" nictagadm add bad0 nosuchif

# --- scripts and outputs ---
bad "zonecfg: a script without end" 2 'not a line of text' zonecfg -z $z -f /dev/zero
bad "zonecfg: a folder for a script" 1 'Is a directory' zonecfg -z $z -f "$T/dir"
bad "zonecfg: an unknown property" 2 "no property 'colour'|unknown property|colour" zonecfg -z $z 'create -b; set colour=red'
for tool in 'zoneadm list -c' 'vmadm list' 'imgadm list'; do
	bad "$tool: a full disk behind standard output" 1 'cannot write' sh -c "$tool >/dev/full"
done

# --- images ---
manifest() { # MEMBERS
	echo "{\"v\":2,\"uuid\":\"$img\",\"name\":\"t\",\"version\":\"1\",\"os\":\"linux\",\"type\":\"zvol\",\"image_size\":2$1}" >"$T/m.json"
}
echo '{' >"$T/m.json"
bad "imgadm: broken JSON" 1 "m.json': invalid manifest: not JSON: line" imgadm import -m "$T/m.json" -f "$T/raw"
for name in ../raw /etc/shadow .hidden; do
	manifest ",\"tags\":{\"org.zhyve:kernel\":\"$name\"}"
	bad "imgadm: a kernel named $name" 1 'not the plain name of a file' imgadm import -m "$T/m.json" -f "$T/raw"
done
ln -s /etc/shadow "$T/link"
manifest ',"tags":{"org.zhyve:kernel":"link"}'
bad "imgadm: a kernel that is a symbolic link" 1 'a symbolic link is not followed' imgadm import -m "$T/m.json" -f "$T/raw"
manifest ''
bad "imgadm: a FIFO for a manifest" 1 'not a regular file' imgadm import -m "$T/fifo" -f "$T/raw"
bad "imgadm: a folder for a disk" 1 'not a regular file' imgadm import -m "$T/m.json" -f "$T/dir"
head -c 64M /dev/urandom >"$T/random"
manifest '' && sed -i 's/"image_size":2/"image_size":64/' "$T/m.json"
hidden=0
for wait in 0.02 0.1 0.3; do # copying is under way, or it has been
	imgadm import -q -m "$T/m.json" -f "$T/random" >/dev/null 2>&1 &
	sleep $wait
	kill -TERM $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	hidden=$((hidden + $(find "$root/zones/images" -name '.*.tmp' 2>/dev/null | wc -l)))
	imgadm delete $img >/dev/null 2>&1 || true
done
t_is "imgadm: an interrupted import leaves nothing" "$hidden $(find "$root/zones/images" -type f 2>/dev/null | wc -l)" "0 0"

# --- payloads ---
payload() {
	echo "{\"brand\":\"bhyve\",\"autoboot\":false,\"uuid\":\"$u1\"$1}" >"$T/p.json"
}
refused() { # TEXT REGEX MEMBERS
	payload "$3"
	bad "vmadm: $1" 1 "$2" vmadm create -f "$T/p.json"
}
echo '{"brand":"bhyve"' >"$T/p.json"
bad "vmadm: broken JSON" 1 'Invalid JSON payload: line' vmadm create -f "$T/p.json"
bad "vmadm: no such file" 1 "File: $T/none does not exist" vmadm create -f "$T/none"
bad "vmadm: no such machine" 1 "$u1: No such zone configured" vmadm start $u1
refused "a path for a name" 'invalid zone name' ',"zonename":"../x"'
refused "more memory than there is a number for" 'Invalid value\(s\) for: ram' ',"ram":9223372036854775807'
refused "two disks in a slot" 'multiple disks in pci_slot "0:4:0"' \
	',"disks":[{"model":"virtio","size":1,"pci_slot":"0:4:0"},{"model":"virtio","size":1,"pci_slot":"0:4:0"}]'
refused "no such image" 'disks.0.image_uuid' ",\"disks\":[{\"model\":\"virtio\",\"image_uuid\":\"$img\"}]"
refused "no such nic tag" 'Invalid nic tag "nope"' ',"nics":[{"nic_tag":"nope","model":"virtio"}]'
refused "no space on the pool" 'no space: disk1 .* MiB are free' \
	',"disks":[{"model":"virtio","size":1},{"model":"virtio","size":4000000000}]'
refused "a boot ROM that is none" 'Invalid value\(s\) for: bootrom' ',"bootrom":"coreboot"'

# Two at once: one makes it. Interrupted: whole or not at all.
payload ',"disks":[{"model":"virtio","size":1}]'
vmadm create -f "$T/p.json" >/dev/null 2>"$T/one" &
first=$!
vmadm create -f "$T/p.json" >/dev/null 2>"$T/two" && a=0 || a=$?
wait $first && b=0 || b=$?
t_is "vmadm: of two creations of a machine one succeeds" $((a + b)) 1
t_like "and the other says so" "$(cat "$T/one" "$T/two")" 'already exists'
t_run "the one is whole" 0 vmadm delete $u1
whole=yes
for wait in 0.02 0.06 0.15; do
	vmadm create -f "$T/p.json" >/dev/null 2>&1 &
	sleep $wait
	kill -INT $! 2>/dev/null || true # in the background it is ignored until vmadm asks for it
	kill -TERM $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	if [ "$(vmadm list -H -o state uuid=$u1)" = stopped ]; then
		vmadm delete $u1 2>/dev/null
	elif [ -e "$root/zones/$u1" ] || [ -e "$root/etc/zones/$u1.json" ]; then
		whole=no
	fi
done
t_is "vmadm: an interrupted creation leaves all or nothing" $whole yes

# --- a zone in each wrong state (illumos's words) ---
wrong() { # STATE (SUBCOMMAND REGEX)...
	local state=$1
	shift
	while [ $# -gt 0 ]; do
		# shellcheck disable=SC2086  # words
		bad "zoneadm $1: $state" 1 "zone '$z': .*$2" zoneadm -z $z $1
		shift 2
	done
}
echo "create -b; set zonepath=/zones/$z; set brand=bhyve; set ip-type=exclusive;
	add attr; set name=kernel; set type=string; set value=$T/noise; end" >"$T/conf"
t_run "a zone" 0 zonecfg -z $z -f "$T/conf"
wrong configured boot 'must be installed before boot' ready 'must be installed before ready' halt 'must be installed' \
	shutdown 'not running' reboot 'not running' 'uninstall -F' "already in state 'configured'"
bad "zlogin -C: configured" 1 "a zone which is 'configured'" zlogin -C $z
zoneadm -z $z mark incomplete
wrong incomplete boot 'must be installed before boot' install 'incomplete; uninstall required' verify 'incomplete' reboot 'not running'
bad "zonecfg delete: incomplete" 1 'uninstall it first' zonecfg -z $z delete -F
zoneadm -z $z uninstall -F
zoneadm -z $z install
wrong installed install 'already installed' halt 'already halted' shutdown 'not running' uninstall 'not a terminal'
bad "zonecfg delete: installed" 1 'uninstall it first' zonecfg -z $z delete -F

# --- what cannot boot: the reason, and the zone stays as it was ---
fails() { # TEXT REGEX ZONECFG UNDO
	zonecfg -z $z "$3"
	bad "boot: $1" 1 "zone '$z': .*$2" zoneadm -z $z boot
	zonecfg -z $z "$4"
	[ "$(zoneadm -z $z list -p | cut -d: -f3)" = installed ] || t_fail "boot: $1: the zone is installed again"
}
attr() { echo "add attr; set name=$1; set type=string; set value=\"$2\"; end"; }
fails "a kernel that is none" "'$T/noise' is not a kernel" 'set autoboot=false' 'set autoboot=false'
fails "a kernel that is not there" "'$T/none': No such file" "select attr name=kernel; set value=$T/none; end" \
	"select attr name=kernel; set value=$kernel; end"
fails "a disk that is not there" "'/nope': No such file" \
	'add device; set match=/nope; add property (name=model,value="virtio"); end' 'remove device match=/nope'
fails "a nic tag that is not there" "'nope'" \
	'add net; set physical=net0; set global-nic=nope; set mac-addr=02:00:00:00:00:01; add property (name=primary,value="true"); end' \
	'remove net physical=net0'
fails "a memory cap below its memory" 'raise the cap or lower ram' \
	"$(attr ram 256); add capped-memory; set physical=64m; end" 'remove capped-memory; remove attr name=ram'
fails "an unknown option of zhyve" 'logs/platform.log' "$(attr bhyve-extra-opts -Z)" 'remove attr name=bhyve-extra-opts'
fails "memory that is no number" "attr ram: 'x'" "$(attr ram x)" 'remove attr name=ram'
wait_for 20 daemon_gone || true
bad "boot: no /dev/kvm" 1 'cannot open /dev/kvm .*VT-x or AMD-V.*No such file' \
	unshare -m sh -c "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec zoneadm -z $z boot"
wait_for 20 daemon_gone || true # it lives in that mount namespace
t_run "the zone boots at last" 0 zoneadm -z $z boot
wrong running boot 'already booted' ready 'already booted' install 'invalid for running zones' \
	'uninstall -F' 'invalid for running zones' 'mark incomplete' 'invalid for running zones'
bad "zonecfg delete: running" 1 'delete not allowed' zonecfg -z $z delete -F
bad "zlogin -l: running" 1 'holds a virtual machine: it has no users' zlogin -l root $z
t_run "halt" 0 zoneadm -z $z halt
wait_for 20 daemon_gone || true
conf=$root/etc/zones/$z.json
cp "$conf" "$T/good.json"
for change in '.uuid="zz"' '.did=99999999999' '.state="x"' '.name="other"' '.colour=1' '.attr=5'; do
	jq -c "$change" "$T/good.json" >"$conf"
	bad "zoneadm: a configuration with $change" 1 "$z.json' is broken \(correct it" zoneadm -z $z boot
done
cp "$T/good.json" "$conf"
mkdir "$T/full"
cp -a "$root/etc/zones/." "$T/full.was"
mount -t tmpfs -o size=64k full "$root/etc/zones"
cp -a "$T/full.was/." "$root/etc/zones"
head -c 1M /dev/zero >"$root/etc/zones/.filler" 2>/dev/null || true
bad "zonecfg: no space for the configuration" 1 'No space left on device' zonecfg -z bad2 'create -b; set brand=bhyve; set ip-type=exclusive; set zonepath=/zones/bad2'
t_is "nothing is left of it" "$(find "$root/etc/zones" -name '*bad2*')" ""
mount -o remount,ro "$root/etc/zones"
bad "zonecfg: a read-only filesystem" 1 'Read-only file system' zonecfg -z $z 'set autoboot=true'
umount "$root/etc/zones"
t_run "the zone is as it was" 0 zoneadm -z $z verify
t_run "and goes away" 0 zoneadm -z $z uninstall -F
t_run "wholly" 0 zonecfg -z $z delete -F
wait_for 20 daemon_gone || true
t_is "nothing is left of all this" "$(diff <(echo "$before") <(left) || true)" ""
t_done
