#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=systemd time=120 kernel=any
#
# A host's start and end under a real systemd: this machine's, as process 1 of a container in the container, with nothing but
# what zones.service asks for, the bus and machined. Zones with autoboot come up in their order below the unit's cgroup, zone@.service brings
# up one more, machined lists them, and the end of the host shuts them down.
#   tests/host/container -- bash tests/host/slow/systemd.sh
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

[ -x /lib/systemd/systemd ] || { t_skip "zones under systemd" "systemd is not installed"; t_done; }
probe=${PROBE:-$top/build/tests/jail/probe}
kernel=/root/kernel # that systemd empties /tmp is its right
echo kernel >$kernel
zone() { # NAME AUTOBOOT PRIORITY
	zonecfg -z "$1" "create -b; set brand=bhyve; set zonepath=/zones/$1; set ip-type=exclusive; set autoboot=$2;
		add attr; set name=kernel; set type=string; set value=$kernel; end;
		add attr; set name=bootargs; set type=string; set value=quiet; end;
		add attr; set name=boot-priority; set type=string; set value=$3; end;
		add attr; set name=ram; set type=string; set value=64; end; commit" && zoneadm -z "$1" install
}
t_run "zones that are to come last" 0 zone last true low
t_run "and first" 0 zone first true high
t_run "and by a unit of its own" 0 zone unit false default

# --- the host starts ---
mkdir -p /etc/systemd/system/zones.service.d /etc/systemd/system/zone@.service.d
for d in zones zone@; do printf '[Service]\nEnvironment=ZHYVE_BIN=%s\n' "$probe" >"/etc/systemd/system/$d.service.d/probe.conf"; done
printf '[Unit]\nDescription=The test\nRequires=zones.service dbus.socket\nAfter=zones.service dbus.socket\nAllowIsolate=yes\n' >/etc/systemd/system/check.target
for u in systemd-udevd.service systemd-udev-trigger.service systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
	systemd-timesyncd.service systemd-journald-audit.socket dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
	systemd-remount-fs.service systemd-random-seed.service; do
	ln -sf /dev/null "/etc/systemd/system/$u"
done
rm -f /etc/fstab
mkdir /sys/fs/cgroup/systemd
cat >"$T/start" <<'END'
#!/bin/sh
echo $$ >/sys/fs/cgroup/systemd/cgroup.procs
exec unshare --cgroup --mount --pid --fork --kill-child --propagation private sh -c '
	umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t proc proc /proc && mount -t tmpfs tmp /tmp &&
	exec env -i container=zhyve PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=check.target --log-target=console --show-status=no'
END
sh "$T/start" >"$T/systemd" 2>&1 </dev/null &
host=$!
init() { pgrep -x systemd -P "$(pgrep -P $host | head -n 1)" || pgrep -P $host -x systemd; }
ctl() { timeout 60 nsenter -t "$(init | head -n 1)" -m -p -C -- "$@"; }
t_run "systemd is up" 0 wait_for 60 ctl systemctl is-active check.target
t_is "zones.service is" "$(ctl systemctl show -P ActiveState,SubState zones.service | paste -sd ' ')" "active exited"
[ "$t_failed" -eq 0 ] || tail -n 40 "$T/systemd"
t_like "it told how far it came" "$(ctl systemctl show -P StatusText zones.service)" '^booted 2 of 2 zones'
t_is "the zones that boot with the host run" "$(ctl zoneadm list -p | cut -d: -f2 | sort | paste -sd ' ')" "first global last"
mono() { jq -r 'select(.event == "running") | .mono_ns' "/zones/$1/logs/events.jsonl" | tail -n 1; }
t_is "in their order" "$([ "$(mono first)" -lt "$(mono last)" ] && echo yes)" yes
cgroup=$(ctl systemctl show -P ControlGroup zones.service)
t_is "below the unit's cgroup" "$(ctl ls "/sys/fs/cgroup$cgroup/zhyve" | grep -cxE 'first|last')" 2
t_run "a zone by its unit" 0 ctl systemctl start zone@unit.service
t_is "runs" "$(ctl zoneadm -z unit list -p | cut -d: -f3)" running
t_run "the unit stops it" 0 ctl systemctl stop zone@unit.service
t_is "and its guest powered off" "$(cut -d' ' -f3 /zones/unit/lastexited)" power-off
t_run "again" 0 ctl systemctl start zone@unit.service

# --- machined ---
if [ -x /usr/bin/machinectl ]; then
	listed() { ctl machinectl list --no-legend 2>&1 | awk '{ print $1, $2, $3 }' | sort | paste -sd ,; }
	is_listed() { [ "$(listed)" = "$1" ]; }
	about() { ctl machinectl show --value -p "$2" "$1"; } # ZONE PROPERTY
	all="first vm zhyve,last vm zhyve,unit vm zhyve"
	t_run "machined lists the zones" 0 wait_for 20 is_listed "$all"
	scope=$(about first Unit)
	t_is "by a scope each" "$scope $(about first Service) $(about first Class) $(about first State)" "machine-first.scope zhyve vm running"
	leader=$(about first Leader)
	t_is "whose process is the zone's zoneadmd" "$(ctl cat "/proc/$leader/comm") $(ctl grep ^0: "/proc/$leader/cgroup")" "zoneadmd 0::/machine.slice/$scope"
	t_is "with the zone's uuid" "$(about first Id | tr -d -)" "$(jq -r .uuid /etc/zones/first.json | tr -d -)"
	t_is "ended after zones.service" "$(ctl systemctl show -P Before "$scope" | tr ' ' '\n' | grep -cx zones.service)" 1
	t_is "the zone's own processes stay where they were" "$(ctl ls "/sys/fs/cgroup$cgroup/zhyve" | grep -cxE 'first|last|unit')" 3
	t_like "machinectl status" "$(ctl machinectl --no-pager status first)" 'Leader: [0-9]* \(zoneadmd\)'
	t_run "a halt" 0 ctl zoneadm -z first halt
	t_run "is out of the list" 0 wait_for 20 is_listed "last vm zhyve,unit vm zhyve"
	t_run "a boot" 0 ctl env "ZHYVE_BIN=$probe" zoneadm -z first boot
	t_run "is in it again" 0 wait_for 20 is_listed "$all"
	was=$(mono first)
	rebooted() { [ "$(mono first)" != "$was" ]; }
	t_run "machinectl reboot" 0 ctl machinectl reboot first
	t_run "reboots it" 0 wait_for 20 rebooted
	t_is "it stays in the list" "$(listed)" "$all"
	t_run "machinectl poweroff" 0 ctl machinectl poweroff first
	t_run "is out of the list, too" 0 wait_for 20 is_listed "last vm zhyve,unit vm zhyve"
	t_is "its guest powered off" "$(cut -d' ' -f3 /zones/first/lastexited)" power-off
	t_run "machinectl terminate" 0 ctl machinectl terminate last
	t_run "is out of it" 0 wait_for 20 is_listed "unit vm zhyve"
	t_is "it was halted" "$(cut -d' ' -f3 /zones/last/lastexited)" halted
	t_run "a killed zoneadmd" 0 ctl kill -9 "$(about unit Leader)"
	t_run "takes its zone out of it" 0 wait_for 20 is_listed ""
	t_is "and down" "$(ctl zoneadm list -p | cut -d: -f2 | paste -sd ' ')" global
	# Before machined is asked, while it is, and after.
	for ms in 0 2 5 10 15 20 30 50 100; do
		ctl env "ZHYVE_BIN=$probe" zoneadm -z last boot || break
		sleep "$(printf 0.%03d $ms)"
		ctl pkill -9 -f "zoneadmd -z last -r" || break
		ctl zoneadm list >/dev/null
	done
	t_is "one that is killed $ms ms after the boot" "$ms $(ctl zoneadm list -p | cut -d: -f2 | paste -sd ' ')" "100 global"
	t_run "leaves nothing in it" 0 wait_for 20 is_listed ""
	no_scope() { ! ctl ls /sys/fs/cgroup/machine.slice | grep -q '^machine-'; }
	t_run "no scope is left" 0 wait_for 20 no_scope
	no_cgroup() { ctl zoneadm list >/dev/null && ! ctl ls "/sys/fs/cgroup$cgroup" | grep -qx zhyve; }
	t_run "no cgroup of theirs is left" 0 wait_for 20 no_cgroup
	for z in first last; do t_run "$z boots again" 0 ctl env "ZHYVE_BIN=$probe" zoneadm -z $z boot; done
	t_run "unit by its unit" 0 ctl systemctl restart zone@unit.service
	t_run "and all are in the list" 0 wait_for 20 is_listed "$all"
else
	t_skip "machined" "machinectl is not installed (systemd-container)"
fi

# --- the host ends ---
ctl systemctl --no-block poweroff >"$T/off" 2>&1 || true
gone() { ! kill -0 $host; }
t_run "systemd ends" 0 wait_for 90 gone
for z in first last unit; do t_is "$z: its guest powered off" "$(cut -d' ' -f3 /zones/$z/lastexited)" power-off; done
t_run "nothing of zones is left" 0 sh -c '! pgrep -x zoneadmd && ! pgrep -x probe'
t_done
