#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=120
#
# A Linux guest behind a tag with NAT, made by `nictagadm add -N` and nothing else: busybox's DHCP client asks, the tag's dnsmasq answers,
# and by that answer its nic may use the address, reach the world and no longer do so when it has given it back; another address it may not
# use. Its link is taken away and given back. Once with the nic in a process of its own, and once by the kernel's vhost-net.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

net=10.99.66 world=192.0.2.2
tiny_with "$T/initrd" "virtio_pci virtio_net" <<'SH'
cat >/bin/lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "guest: lease $ip router $router lasts $lease" >/dev/console
: >/tmp/leased
END
chmod 755 /bin/lease
says() { # WHAT COMMAND...: how it ended
	what=$1
	shift
	"$@" >/dev/null 2>&1 && echo "guest: $what yes" || echo "guest: $what no"
}
ip link set eth0 up
udhcpc -i eth0 -n -q -t 20 -T 1 -s /bin/lease >/dev/null 2>&1 || echo "guest: no lease"
world=$(sed 's/.*world=//' /proc/cmdline)
echo "guest: world says $(nc -w 20 "$world" 7 </dev/null)"
ip addr add 10.99.66.77/24 dev eth0
says "an address nobody gave it" ping -I 10.99.66.77 -c 3 -W 1 10.99.66.1
echo "guest: link"
was=1
while [ $was != 3 ]; do # 3: it went, and came back
	now=$(cat /sys/class/net/eth0/carrier)
	case $was$now in
	10) echo "guest: link down"; was=2 ;;
	21) echo "guest: link up"; was=3 ;;
	esac
	sleep 0.1
done
says "the address it was given, after that" ping -c 10 -W 1 "$world"
# Gives it back, and goes on using it.
rm -f /tmp/leased
udhcpc -i eth0 -f -R -t 20 -T 1 -s /bin/lease >/dev/null 2>&1 &
until [ -e /tmp/leased ]; do sleep 0.2; done
kill -TERM $!
wait $!
says "the address it has given back" ping -c 3 -W 1 10.99.66.1
echo "guest: end"
poweroff -f
SH

# The world, which is in a network namespace and knows no way to the tag's network.
unshare -n sleep 600 &
outside=$!
t_atexit kill $outside
is_apart() { [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 10 is_apart
ip link add up0 type veth peer name out0
t_atexit ip link del up0
ip link set out0 netns $outside
ip addr add 192.0.2.1/24 dev up0
ip link set up0 up
nsenter -t $outside -n ip addr add $world/24 dev out0
nsenter -t $outside -n ip link set out0 up
nsenter -t $outside -n socat TCP-LISTEN:7,fork,reuseaddr SYSTEM:'echo hello $SOCAT_PEERADDR' &
t_atexit kill $!

t_run "nictagadm add -N" 0 nictagadm add -N nat0 $net.0/24
t_atexit nictagadm delete -f nat0
set_link() { # up|down
	echo "{\"update_nics\": [{\"mac\": \"$mac\", \"link_state\": \"$1\"}]}" >"$T/update"
	t_run "$z: vmadm update: the link is $1" 0 vmadm update "$uuid" -f "$T/update"
	t_run "$z: the guest is told" 0 wait_for 60 seen "guest: link $1"
}
seen() { console | grep -qxF -- "$1"; }
console() { tr -d '\0\r' <"/zones/$z/logs/console.log" 2>/dev/null || true; }
counted() { vmadm info "$uuid" nics | jq -c ".nics[0].from_guest.$1"; }
for z in process kernel; do
	[ $z = process ] && mac=02:08:20:00:00:78 || mac=02:08:20:00:00:79
	t_run "$z: a zone" 0 zonecfg -z $z "create -b; set brand=bhyve; set zonepath=/zones/$z; set ip-type=exclusive;
		add attr; set name=kernel; set type=string; set value=$cache/vmlinux; end;
		add attr; set name=initrd; set type=string; set value=$T/initrd; end;
		add attr; set name=bootargs; set type=string; set value=\"$quick panic=-1 ipv6.disable=1 world=$world\"; end;
		add attr; set name=ram; set type=string; set value=256; end;
		add attr; set name=vhost-net; set type=boolean; set value=$([ $z = kernel ] && echo true || echo false); end;
		add net; set physical=net0; set global-nic=nat0; set mac-addr=$mac;
		add property (name=primary,value=\"true\"); add property (name=ips,value=dhcp); end; commit"
	t_atexit "zoneadm -z $z halt; zoneadm -z $z uninstall -F; zonecfg -z $z delete -F"
	zoneadm -z $z install
	uuid=$(jq -r .uuid "/etc/zones/$z.json")
	t_run "$z: boot" 0 zoneadm -z $z boot
	wait_for 90 seen "guest: link" || true
	t_like "$z: the guest is given an address of the upper half, and the gateway's" "$(console)" \
		"guest: lease $net\.(12[89]|1[3-9][0-9]|2[0-4][0-9]|25[0-4]) router $net\.1 lasts 3600"
	t_like "$z: with it the guest reaches the world, which takes it for the host" "$(console)" 'guest: world says hello 192.0.2.1'
	t_like "$z: with another it reaches nothing" "$(console)" 'guest: an address nobody gave it no'
	t_like "$z: for that was dropped" "$(counted reasons | jq -c 'keys')" '^\["(arp-ip","ipv4-source|arp-ip|ipv4-source)"\]$'
	set_link down
	t_is "$z: so says vmadm info" "$(vmadm info "$uuid" nics | jq -r '.nics[0].link_state')" down
	set_link up
	wait_for 90 seen "guest: end" || true
	t_like "$z: the address still is its own" "$(console)" 'guest: the address it was given, after that yes'
	t_like "$z: until it gives it back" "$(console)" 'guest: the address it has given back no'
	is_down() { [ "$(zoneadm -z $z list -p | cut -d: -f3)" = installed ]; }
	t_run "$z: it ends by itself" 0 wait_for 30 is_down
	[ $t_failed -eq 0 ] || console | grep -a guest | sed 's/^/# /'
done
t_done
