#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=30 kernel=any
#
# IPv6 under protection, with the host's own IPv6 on the other end: a zone whose nic has addrconf makes its address of a router's
# advertisement and is reached by it, and a neighbour that forges advertisements changes nothing of that. Another neighbour may use the
# address that it is given by DHCPv6 (of dnsmasq), and not before. The guest is tests/guest/six, the neighbours tests/guest/frames; the router is
# the zone's bridge, in a network namespace of the test's own.
set -eu
[ -n "${ADDRCONF_INSIDE:-}" ] || ADDRCONF_INSIDE=1 exec unshare -n bash "$0" "$@"
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

root=${ZHYVE_ROOT:-}
export ZHYVE_BIN=${ZHYVE:-$top/build/src/procs/zhyve/zhyve}
tag=six0 bridge=zbr-six0
mkdir -p "$root/etc/zones" "$root/zones" "$root/run/zones"
if [ ! -e /proc/sys/net/ipv6 ]; then
	t_skip "IPv6" "this kernel has none"
	t_done
fi

# Frames of the neighbour, 02:08:20:00:00:66, as tests/guest/frames wants them; and the router.
cat >"$T/six.py" <<'END'
import socket, struct, sys
inet6 = lambda text: socket.inet_pton(socket.AF_INET6, text)
mac = lambda text: bytes.fromhex(text.replace(":", ""))
MINE, ROUTER = mac("02:08:20:00:00:66"), mac("02:08:20:00:00:01")
GUEST, GATE, LOCAL = "fd00:1::8:20ff:fe00:77", "fd00:1::1", "fe80::8:20ff:fe00:66"
lladdr = lambda kind, address: bytes([kind, 1]) + address
def advert(prefix):
    return struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 1800, 0) + inet6(prefix)
def frame(src, dst, icmp):
    src, dst = inet6(src), inet6(dst)
    text = src + dst + struct.pack("!II", len(icmp), 58) + icmp
    total = sum(struct.unpack("!%dH" % (len(text) // 2), text))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    icmp = icmp[:2] + struct.pack("!H", total) + icmp[4:]
    ether = b"\x33\x33" + dst[12:] + MINE + b"\x86\xdd"
    return ether + struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + src + dst + icmp
def neighbour(target, link): # "it is at ..., believe me"
    return struct.pack("!BBHI", 136, 0, 0, 0x20000000) + inet6(target) + lladdr(2, link)
ALL = "ff02::1"
forged = [
    frame(LOCAL, ALL, neighbour(GUEST, MINE)), # nd-target
    frame(LOCAL, ALL, neighbour(GATE, MINE)), # nd-target
    frame(GUEST, ALL, neighbour(GUEST, MINE)), # ipv6-source
    frame("fe80::1", ALL, advert("fd00:bad::") + lladdr(1, MINE)), # ipv6-source
    frame(GUEST, "ff02::1:ff00:1", struct.pack("!BBHI", 135, 0, 0, 0) + inet6(GATE) + lladdr(1, MINE)), # ipv6-source
    frame(LOCAL, ALL, neighbour(LOCAL, ROUTER)), # nd-mac
    frame(LOCAL, ALL, advert("fd00:bad::") + lladdr(1, ROUTER)), # nd-mac
]
honest = frame(LOCAL, ALL, neighbour(LOCAL, MINE))
if sys.argv[1] == "frames":
    for f in forged + [honest]:
        sys.stdout.buffer.write(struct.pack("<H", 12 + len(f)) + bytes(12) + f)
else: # "router INTERFACE": one advertisement
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    at = socket.if_nametoindex(sys.argv[2])
    s.bind(("fe80::1", 0, 0, at))
    s.sendto(advert("fd00:1::"), (ALL, 0, 0, at))
END

zone() { # NAME MAC KERNEL IPS [MORE]
	t_run "the zone '$1'" 0 zonecfg -z "$1" "create -b; set brand=bhyve; set zonepath=/zones/$1; set ip-type=exclusive;
		add attr; set name=kernel; set type=string; set value=$top/build/tests/guest/$3.elf; end; ${5:-}
		add attr; set name=ram; set type=string; set value=64; end;
		add net; set physical=net0; set global-nic=$tag; set mac-addr=$2;
		add property (name=primary,value=\"true\"); add property (name=ips,value=\"$4\"); end; commit"
	t_atexit "zoneadm -z $1 halt; zoneadm -z $1 uninstall -F; zonecfg -z $1 delete -F"
	zoneadm -z "$1" install
}
console() { tr -d '\0\r' <"$root/zones/$1/logs/console.log" 2>/dev/null || true; }
prefixes() { console six | grep "^prefix"; }
neigh() { ip -6 neigh show to "$1" dev $bridge | awk '{ for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1) }'; }
counted() { vmadm info "$(jq -r .uuid "$root/etc/zones/$1.json")" nics | jq -c ".nics[0].from_guest.$2"; }

ip link set lo up
t_run "a nic tag" 0 nictagadm add -l $tag
t_atexit nictagadm delete -f $tag
ip link set $bridge up
for a in fe80::1/64 fd00:1::1/64; do ip -6 addr add $a dev $bridge nodad; done
zone six 02:08:20:00:00:77 six addrconf
guest=fd00:1::8:20ff:fe00:77
t_run "boot" 0 zoneadm -z six boot
told() {
	python3 "$T/six.py" router $bridge && console six | grep -q '^prefix'
}
t_run "the guest hears of the prefix" 0 wait_for 60 told
t_is "which is the router's" "$(prefixes)" "prefix 0xfd00000100000000"
reached() { ping -6 -c 1 -W 1 $guest >/dev/null; }
t_run "it is reached by the address that it has made of it" 0 wait_for 60 reached
t_is "at its own MAC address" "$(neigh $guest)" 02:08:20:00:00:77
passed=$(counted six passed)
t_run "again" 0 wait_for 60 reached
t_is "by frames that were looked at" "$([ "$(counted six passed)" -gt "$passed" ] && echo more)" more
t_is "of which none was dropped" "$(counted six reasons)" "{}"

python3 "$T/six.py" frames >"$T/frames"
zone forger 02:08:20:00:00:66 frames addrconf "add attr; set name=initrd; set type=string; set value=$T/frames; end;"
t_run "a neighbour boots" 0 zoneadm -z forger boot
sent() { console forger | grep -q '^sent 0x8'; }
t_run "and advertises what is not its own" 0 wait_for 60 sent
t_is "which is dropped" "$(counted forger reasons)" '{"ipv6-source":3,"nd-mac":2,"nd-target":2}'
t_is "but for itself" "$(counted forger passed)" 1
t_is "nobody took the guest's address" "$(neigh $guest)" 02:08:20:00:00:77
t_is "nor does it believe in another router" "$(prefixes)" "prefix 0xfd00000100000000"
t_run "it is reached as before" 0 wait_for 60 reached
end() {
	echo end >/dev/udp/$guest/7
	[ "$(zoneadm -z six list -p | cut -d: -f3)" = installed ]
}
t_run "and ends by itself" 0 wait_for 60 end
t_like "well" "$(console six)" '^ok$'

# --- DHCPv6: a guest that asks and uses what it asks for, again and again, with and without somebody who gives it ---
cat >"$T/dhcp6.py" <<'END'
import struct, sys
from scapy.layers.dhcp6 import DHCP6_Request, DHCP6OptClientId, DHCP6OptElapsedTime, DHCP6OptIA_NA, DHCP6OptIAAddress, DHCP6OptServerId, DUID_EN, DUID_LL
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
MAC, LEASE = "02:08:20:00:00:55", "fd00:1::9"
asks = Ether(src=MAC, dst="33:33:00:01:00:02") / IPv6(src="fe80::8:20ff:fe00:55", dst="ff02::1:2") / UDP(sport=546, dport=547) / \
    DHCP6_Request(trid=0x77) / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC)) / DHCP6OptServerId(duid=DUID_EN(enterprisenum=9, id=b"\1\2")) / \
    DHCP6OptElapsedTime() / DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr=LEASE)])
uses = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IPv6(src=LEASE, dst="fd00:1::1") / ICMPv6EchoRequest()
for f in (bytes(asks), bytes(uses)):
    sys.stdout.buffer.write(struct.pack("<H", 12 + len(f)) + bytes(12) + f)
END
if [ ! -x /usr/sbin/dnsmasq ]; then
	t_skip "an address by DHCPv6" "no dnsmasq"
	t_done
fi
/usr/bin/python3 "$T/dhcp6.py" >"$T/leased"
zone leased 02:08:20:00:00:55 frames addrconf "add attr; set name=initrd; set type=string; set value=$T/leased; end;
	add attr; set name=bootargs; set type=string; set value=again; end;"
t_run "a guest that asks for an address boots" 0 zoneadm -z leased boot
tries() { [ "$(counted leased 'reasons["ipv6-source"] // 0')" -ge 2 ]; }
t_run "it may not use it while nobody gives it" 0 wait_for 60 tries
neigh_of_lease() { ip -6 neigh show to fd00:1::9 dev $bridge; }
t_is "and nobody heard of it" "$(neigh_of_lease)" ""
ip -6 neigh replace fe80::8:20ff:fe00:55 lladdr 02:08:20:00:00:55 dev $bridge # this guest does not say so itself
/usr/sbin/dnsmasq -k --user=root --conf-file=/dev/null --port=0 --interface=$bridge --bind-interfaces --dhcp-authoritative --dhcp-duid=9,01:02 \
	--dhcp-range=fd00:1::9,fd00:1::9,64,10m --dhcp-leasefile="$T/leases" --pid-file="$T/dnsmasq.pid" >"$T/dnsmasq.log" 2>&1 &
t_atexit kill $!
given() { grep -q ' fd00:1::9 ' "$T/leases"; }
t_run "it is given it" 0 wait_for 60 given
heard() { [ -n "$(neigh_of_lease)" ]; } # who answers an echo looks for whom to send it to
t_run "and may use it" 0 wait_for 60 heard
[ $t_failed -eq 0 ] || sed 's/^/# /' "$T/dnsmasq.log"
t_done
