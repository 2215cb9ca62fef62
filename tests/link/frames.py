# SPDX-License-Identifier: BSD-2-Clause
"""The classes of frames that a protected link is tried with, and what has to happen to each.

A class is one row: group, text, link, direction, frame, reason. What is expected stands here, written by
hand from zone-protection(7); neither judge is asked for it.
"""
from collections import namedtuple

from scapy.all import raw
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import (DHCP6_Advertise, DHCP6_Decline, DHCP6_RelayForward, DHCP6_Release, DHCP6_Reply,
                                DHCP6_Request, DHCP6_Solicit, DHCP6OptClientId, DHCP6OptIA_NA, DHCP6OptIAAddress,
                                DHCP6OptServerId, DUID_EN, DUID_LL, DUID_LLT, DUID_UUID)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                                ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo,
                                ICMPv6NDOptSrcLLAddr, ICMPv6NDOptUnknown, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

MAC, OTHER, ROUTER = "02:08:20:00:00:01", "02:08:20:00:00:02", "02:08:20:00:00:fe"
ALL = "ff:ff:ff:ff:ff:ff"
ADDR, SECOND, VICTIM, GATE = "10.0.0.5", "10.0.0.6", "10.0.0.99", "10.0.0.1"
LL, LL_OTHER, LL_GATE = "fe80::8:20ff:fe00:1", "fe80::8:20ff:fe00:2", "fe80::8:20ff:fe00:fe"
ADDR6, VICTIM6, GATE6 = "fd00::5", "fd00::99", "fd00::1"
SLAAC6, PRIVACY6 = "fd00:1::8:20ff:fe00:1", "fd00:1::1234:5678:9abc:def0"
FIX = "%s 0 ips=%s/24,%s/24,%s/64" % (MAC, ADDR, SECOND, ADDR6)

LINKS = {
    "plain": FIX + " allowed_ips=10.0.7.0/24,fd00:7::/48",
    "vlan 7": FIX.replace(" 0 ", " 7 "),
    "dhcp": "%s 0 ips=dhcp" % MAC,
    "addrconf": "%s 0 ips=addrconf" % MAC,
    "no address": "%s 0" % MAC,
    "ports": FIX + " blocked_outgoing_ports=25,465",
    "mac spoofing": FIX + " allow_mac_spoofing=true",
    "ip spoofing": FIX + " allow_ip_spoofing=true",
    "dhcp spoofing": FIX + " allow_dhcp_spoofing=true",
    "dhcp server": FIX + " dhcp_server=true",
    "restricted": FIX + " allow_restricted_traffic=true",
    "promisc": FIX + " allow_unfiltered_promisc=true",
    "vrrp": "00:00:5e:00:01:05 0 vrrp_primary_ip=%s ips=10.0.0.50/24" % ADDR,
    "all off": FIX + " allow_mac_spoofing=true allow_dhcp_spoofing=true allow_restricted_traffic=true",
}

Class = namedtuple("Class", "group text link dir frame reason before")
classes = []


def add(group, text, frame, reason="pass", link="plain", direction="out", before=()):
    """One class. `before`: what the link sees first, as (direction, frame)."""
    classes.append(Class(group, text, link, direction, bytes(frame), reason, tuple((d, bytes(f)) for d, f in before)))


def eth(**more):
    return Ether(**{**dict(src=MAC, dst=ALL), **more})


def cut(group, text, frame, reasons, link="plain"):
    """The frame truncated at each byte; reasons: (first length, reason), in order."""
    frame = bytes(frame)
    for n in range(14, len(frame)):
        add(group, "%s, cut to %d bytes" % (text, n), frame[:n], [r for at, r in reasons if n >= at][-1], link)


# --- Ethernet: the source, and every kind of type ---
E = "Ethernet"
add(E, "own source", eth() / IP(src=ADDR) / ICMP())
for text, src in (("another's source", OTHER), ("a broadcast source", ALL), ("a multicast source", "01:00:5e:00:00:01"),
                  ("a source of zeroes", "00:00:00:00:00:00"), ("a source of one other bit", "02:08:20:00:00:00"),
                  ("the multicast form of its own", "03:08:20:00:00:01")):
    add(E, text, eth(src=src) / IP(src=ADDR) / ICMP(), "mac-source")
    add(E, text + ", which may", eth(src=src) / IP(src=ADDR) / ICMP(), "pass", "mac spoofing")
for text, dst in (("to a neighbour", OTHER), ("to IPv4 multicast", "01:00:5e:00:00:fb"), ("to IPv6 multicast", "33:33:00:00:00:01")):
    add(E, text, eth(dst=dst) / IP(src=ADDR) / ICMP())
add(E, "another's source, ARP", eth(src=OTHER) / ARP(hwsrc=OTHER, psrc=ADDR), "mac-source")
add(E, "VRRP: its shared MAC address", eth(src="00:00:5e:00:01:05") / IP(src=ADDR, dst="224.0.0.18", proto=112), "pass", "vrrp")
add(E, "VRRP: the machine's own MAC address", eth() / IP(src=ADDR, dst="224.0.0.18", proto=112), "mac-source", "vrrp")
TYPES = [(0x0000, "802.3 length 0"), (0x0026, "802.3 length, spanning tree"), (0x05DC, "802.3 length 1500"), (0x0600, "XNS"),
         (0x0801, "X.75"), (0x0805, "X.25"), (0x0807, "XNS compatibility"), (0x0842, "wake on LAN"), (0x22EA, "stream reservation"),
         (0x22F0, "AVTP"), (0x22F3, "TRILL"), (0x6002, "DEC MOP"), (0x6003, "DECnet"), (0x6558, "transparent Ethernet bridging"),
         (0x8035, "RARP"), (0x809B, "AppleTalk"), (0x80F3, "AppleTalk ARP"), (0x8137, "IPX"), (0x8204, "QNX"), (0x86DC, "below IPv6"),
         (0x86DE, "above IPv6"), (0x8808, "flow control"), (0x8809, "LACP"), (0x8819, "CobraNet"), (0x8847, "MPLS"),
         (0x8848, "MPLS multicast"), (0x8863, "PPPoE discovery"), (0x8864, "PPPoE session"), (0x886D, "Intel ANS"), (0x8870, "jumbo"),
         (0x887B, "HomePlug"), (0x888E, "802.1X"), (0x8892, "PROFINET"), (0x889A, "HyperSCSI"), (0x88A2, "ATA over Ethernet"),
         (0x88A4, "EtherCAT"), (0x88B5, "experimental"), (0x88CC, "LLDP"), (0x88E5, "MACsec"), (0x88E7, "provider backbone"),
         (0x88F5, "MVRP"), (0x88F7, "PTP"), (0x8902, "802.1ag"), (0x8906, "FCoE"), (0x8914, "FCoE initialisation"),
         (0x8915, "RoCE"), (0x891D, "TTEthernet"), (0x893A, "1905.1"), (0x892F, "HSR"), (0x9000, "loopback test"),
         (0x9100, "an old QinQ"), (0xCAFE, "Veritas"), (0xFFFF, "reserved")]
for number, text in TYPES:
    frame = eth(type=number) / Raw(bytes(46))
    add("ethertype", "%04x, %s" % (number, text), frame, "ethertype")
    add("ethertype", "%04x, %s, which may" % (number, text), frame, "pass", "restricted")
add("ethertype", "no payload at all, of type 88cc", bytes(eth(type=0x88CC)) + b"\0", "ethertype")

# --- VLAN tags ---
V = "VLAN"
ping = IP(src=ADDR) / ICMP()
add(V, "id 0, a priority alone", eth() / Dot1Q(vlan=0, prio=5) / ping)
add(V, "id 0 around a spoofed source", eth() / Dot1Q(vlan=0) / IP(src=VICTIM) / ICMP(), "ipv4-source")
for vid in (1, 7, 4094, 4095):
    add(V, "id %d where there is none" % vid, eth() / Dot1Q(vlan=vid) / ping, "vlan")
add(V, "its own id", eth() / Dot1Q(vlan=7) / ping, "pass", "vlan 7")
add(V, "another id", eth() / Dot1Q(vlan=8) / ping, "vlan", "vlan 7")
add(V, "no tag", eth() / ping, "pass", "vlan 7")
add(V, "its own id around a spoofed source", eth() / Dot1Q(vlan=7) / IP(src=VICTIM) / ICMP(), "ipv4-source", "vlan 7")
add(V, "its own id around LLDP", eth() / Dot1Q(vlan=7, type=0x88CC) / Raw(bytes(46)), "ethertype", "vlan 7")
add(V, "its own id around ARP for another", eth() / Dot1Q(vlan=7) / ARP(hwsrc=MAC, psrc=VICTIM), "arp-ip", "vlan 7")
add(V, "802.1ad", eth() / Dot1AD(vlan=7) / ping, "ethertype", "vlan 7")
add(V, "802.1ad, id 0", eth() / Dot1AD(vlan=0) / ping, "ethertype")
add(V, "QinQ: 802.1ad around 802.1Q", eth() / Dot1AD(vlan=7) / Dot1Q(vlan=7) / ping, "ethertype", "vlan 7")
add(V, "QinQ: 802.1Q twice", eth() / Dot1Q(vlan=0) / Dot1Q(vlan=0) / ping, "ethertype")
add(V, "QinQ: its own id, then another", eth() / Dot1Q(vlan=7) / Dot1Q(vlan=8) / ping, "ethertype", "vlan 7")
add(V, "where tags may: one", eth() / Dot1Q(vlan=9) / ping, "pass", "restricted")
add(V, "where tags may: one around a spoofed source", eth() / Dot1Q(vlan=9) / IP(src=VICTIM) / ICMP(), "ipv4-source", "restricted")
add(V, "where tags may: two", eth() / Dot1AD(vlan=9) / Dot1Q(vlan=8) / ping, "pass", "restricted")
add(V, "where tags may: two around a spoofed source", eth() / Dot1AD(vlan=9) / Dot1Q(vlan=8) / IP(src=VICTIM), "ipv4-source", "restricted")
add(V, "where tags may: two around IPv6, spoofed", eth() / Dot1Q(vlan=9) / Dot1Q(vlan=8) / IPv6(src=VICTIM6) / ICMPv6EchoRequest(), "ipv6-source", "restricted")
add(V, "where tags may: three hide what is in them", eth() / Dot1Q() / Dot1Q() / Dot1Q() / ping, "tags", "restricted")
add(V, "where all may: three", eth() / Dot1Q() / Dot1Q() / Dot1Q() / ping, "pass", "all off")
for n in range(15, 18):
    add(V, "a tag cut to %d bytes" % n, bytes(eth() / Dot1Q(vlan=0) / ping)[:n], "ethertype")
    add(V, "a tag cut to %d bytes, where tags may" % n, bytes(eth() / Dot1Q(vlan=0) / ping)[:n], "pass", "restricted")

# --- ARP ---
A = "ARP"
mine = dict(hwsrc=MAC, psrc=ADDR, pdst=GATE)
for op, text in ((1, "request"), (2, "reply"), (3, "RARP request"), (4, "RARP reply"), (8, "InARP request"), (9, "InARP reply"),
                 (0, "operation 0"), (65535, "operation 65535")):
    add(A, text, eth() / ARP(op=op, **mine))
    add(A, text + ", another's IPv4 address", eth() / ARP(op=op, **{**mine, "psrc": VICTIM}), "arp-ip")
    add(A, text + ", another's MAC address", eth() / ARP(op=op, **{**mine, "hwsrc": OTHER}), "arp-mac")
add(A, "probe: from 0.0.0.0", eth() / ARP(hwsrc=MAC, psrc="0.0.0.0", pdst=ADDR))
add(A, "probe from another's MAC address", eth() / ARP(hwsrc=OTHER, psrc="0.0.0.0", pdst=ADDR), "arp-mac")
add(A, "gratuitous", eth() / ARP(hwsrc=MAC, psrc=ADDR, pdst=ADDR))
add(A, "gratuitous for the gateway", eth() / ARP(op=2, hwsrc=MAC, psrc=GATE, pdst=GATE), "arp-ip")
add(A, "its second address", eth() / ARP(hwsrc=MAC, psrc=SECOND))
add(A, "an address of an allowed network", eth() / ARP(hwsrc=MAC, psrc="10.0.7.200"))
add(A, "just below that network", eth() / ARP(hwsrc=MAC, psrc="10.0.6.255"), "arp-ip")
add(A, "just above that network", eth() / ARP(hwsrc=MAC, psrc="10.0.8.0"), "arp-ip")
add(A, "broadcast address", eth() / ARP(hwsrc=MAC, psrc="255.255.255.255"), "arp-ip")
add(A, "padded to 60 bytes", bytes(eth() / ARP(**mine)) + bytes(18))
add(A, "no hardware addresses", bytes(eth(type=0x806)) + bytes.fromhex("0001080000040001") + bytes([10, 0, 0, 5, 10, 0, 0, 1]))
add(A, "no hardware addresses, another's IPv4 address", bytes(eth(type=0x806)) + bytes.fromhex("0001080000040001") + bytes([10, 0, 0, 99, 10, 0, 0, 1]), "arp-ip")
for hlen in (1, 5, 7, 8, 255):
    add(A, "hardware addresses of %d bytes" % hlen, bytes(eth(type=0x806)) + bytes([0, 1, 8, 0, hlen, 4, 0, 1]) + bytes(600), "arp-form")
for plen in (0, 3, 5, 16, 255):
    add(A, "protocol addresses of %d bytes" % plen, bytes(eth(type=0x806)) + bytes([0, 1, 8, 0, 6, plen, 0, 1]) + bytes(600), "arp-form")
for text, psrc, reason in (("", ADDR, "pass"), (", another's IPv4 address", VICTIM, "arp-ip")):
    frame = bytes(eth() / ARP(**{**mine, "psrc": psrc}))
    add(A, "hardware type 6" + text, frame[:14] + b"\0\6" + frame[16:], reason)
add(A, "another's address, where it may", eth() / ARP(hwsrc=MAC, psrc=VICTIM), "pass", "ip spoofing")
add(A, "another's MAC address, where only frames may be spoofed", eth(src=OTHER) / ARP(hwsrc=OTHER, psrc=ADDR), "arp-mac", "mac spoofing")
cut(A, "ARP", eth() / ARP(**mine), [(14, "arp-form")])

# --- IPv4: sources ---
S = "IPv4 source"
for text, src in (("its own", ADDR), ("its second", SECOND), ("0.0.0.0", "0.0.0.0"), ("of an allowed network", "10.0.7.1"),
                  ("first of an allowed network", "10.0.7.0"), ("last of an allowed network", "10.0.7.255")):
    add(S, text, eth() / IP(src=src) / ICMP())
for text, src in (("a neighbour's", VICTIM), ("the gateway's", GATE), ("of its network, unused", "10.0.0.4"), ("one bit off", "10.0.0.7"),
                  ("below an allowed network", "10.0.6.255"), ("above an allowed network", "10.0.8.0"), ("loopback", "127.0.0.1"),
                  ("link-local", "169.254.1.1"), ("multicast", "224.0.0.1"), ("broadcast", "255.255.255.255"),
                  ("network broadcast", "10.0.0.255"), ("byte order reversed", "5.0.0.10"), ("0.0.0.1", "0.0.0.1")):
    for what, proto in (("ICMP", ICMP()), ("UDP", UDP(sport=9, dport=9)), ("TCP", TCP(sport=9, dport=9))):
        add(S, "%s, %s" % (text, what), eth() / IP(src=src) / proto, "ipv4-source")
    add(S, text + ", where it may", eth() / IP(src=src) / ICMP(), "pass", "ip spoofing")
for proto in (2, 4, 17, 41, 47, 50, 51, 89, 103, 112, 132, 255):
    data = Raw(bytes(40))
    add(S, "its own, protocol %d" % proto, eth() / IP(src=ADDR, proto=proto) / data)
    add(S, "a neighbour's, protocol %d" % proto, eth() / IP(src=VICTIM, proto=proto) / data, "ipv4-source")
add(S, "nothing given, nothing learned", eth() / IP(src=ADDR) / ICMP(), "ipv4-source", "no address")
add(S, "nothing given, 0.0.0.0", eth() / IP(src="0.0.0.0") / ICMP(), "pass", "no address")
add(S, "the primary address of VRRP", eth(src="00:00:5e:00:01:05") / IP(src=ADDR) / ICMP(), "pass", "vrrp")
add(S, "a server of DHCP may use any", eth() / IP(src=VICTIM) / ICMP(), "pass", "dhcp server")

# --- IPv4: form ---
F = "IPv4 form"
for version in (0, 5, 6, 15):
    add(F, "version %d" % version, eth() / IP(src=ADDR, version=version) / ICMP(), "ipv4-form")
for ihl in (0, 1, 4):
    add(F, "header of %d words" % ihl, eth() / IP(src=ADDR, ihl=ihl) / ICMP(), "ipv4-form")
add(F, "header longer than the frame", eth() / IP(src=ADDR, ihl=15) / ICMP(), "ipv4-form")
add(F, "header longer than the packet", eth() / IP(src=ADDR, ihl=8, len=28) / Raw(bytes(60)), "ipv4-form")
add(F, "total length 0", eth() / IP(src=ADDR, len=0) / ICMP(), "ipv4-form")
add(F, "total length 19", eth() / IP(src=ADDR, len=19) / ICMP(), "ipv4-form")
add(F, "total length beyond the frame", eth() / IP(src=ADDR, len=1400) / ICMP())
add(F, "options", eth() / IP(src=ADDR, options=b"\x83\x07\x04\x0a\0\0\1\0") / ICMP())
add(F, "options, a neighbour's source", eth() / IP(src=VICTIM, options=b"\x94\x04\0\0") / ICMP(), "ipv4-source")
add(F, "malformed, where sources may be spoofed", eth() / IP(src=ADDR, ihl=4) / ICMP(), "pass", "ip spoofing")
add(F, "padded to 60 bytes", bytes(eth() / IP(src=ADDR) / ICMP()) + bytes(18))
cut(F, "ICMP", eth() / IP(src=ADDR) / ICMP(), [(14, "ipv4-form"), (34, "pass")])
cut(F, "UDP", eth() / IP(src=ADDR) / UDP(sport=9, dport=9), [(14, "ipv4-form"), (34, "dhcp-form")])
frag = IP(src=ADDR, id=7, proto=17)
add("IPv4 fragments", "first, of UDP", eth() / IP(src=ADDR, flags="MF", proto=17) / UDP(sport=9, dport=9) / Raw(bytes(64)))
add("IPv4 fragments", "first, of DHCP", eth() / IP(src=ADDR, flags="MF", proto=17) / UDP(sport=68, dport=67) / Raw(bytes(64)), "dhcp-form")
add("IPv4 fragments", "first, too short for its ports", eth() / IP(src=ADDR, flags="MF", proto=17) / Raw(bytes(7)), "dhcp-form")
add("IPv4 fragments", "later", eth() / IP(src=ADDR, frag=1, proto=17) / Raw(b"\0\x44\0\x43" + bytes(64)))
add("IPv4 fragments", "last", eth() / IP(src=ADDR, frag=100, proto=17) / Raw(bytes(3)))
add("IPv4 fragments", "later, a neighbour's source", eth() / IP(src=VICTIM, frag=1, proto=17) / Raw(bytes(64)), "ipv4-source")
add("IPv4 fragments", "first, a neighbour's source", eth() / IP(src=VICTIM, flags="MF", proto=6) / Raw(bytes(64)), "ipv4-source")

# --- blocked ports ---
P = "ports"
for text, tcp, reason in (("to a blocked one", TCP(dport=25), "port"), ("to another blocked one", TCP(dport=465), "port"),
                          ("to one beside it", TCP(dport=26), "pass"), ("from a blocked one", TCP(sport=25, dport=9), "pass")):
    add(P, "IPv4 TCP " + text, eth() / IP(src=ADDR) / tcp, reason, "ports")
    add(P, "IPv6 TCP " + text, eth() / IPv6(src=ADDR6) / tcp, reason, "ports")
    add(P, "IPv6 TCP behind a header, " + text, eth() / IPv6(src=ADDR6) / IPv6ExtHdrDestOpt() / tcp, reason, "ports")
add(P, "UDP to a port blocked for TCP", eth() / IP(src=ADDR) / UDP(dport=25), "pass", "ports")
add(P, "first fragment", eth() / IP(src=ADDR, flags="MF") / TCP(dport=25), "port", "ports")
add(P, "later fragment", eth() / IP(src=ADDR, frag=3, proto=6) / Raw(bytes(20)), "pass", "ports")
add(P, "TCP too short for its ports", eth() / IP(src=ADDR, proto=6) / Raw(b"\0\x19\0"), "port", "ports")

# --- DHCPv4 ---
D = "DHCP"


def bootp(chaddr=MAC, options=("end",), sport=68, dport=67, src="0.0.0.0", **more):
    hw = bytes.fromhex(chaddr.replace(":", "")) + bytes(10)
    return eth() / IP(src=src, dst="255.255.255.255") / UDP(sport=sport, dport=dport) / \
        BOOTP(chaddr=hw, **{**dict(xid=0x1234, op=1), **more}) / DHCP(options=list(options))


def raw_dhcp(options, cookie=b"\x63\x82\x53\x63"):
    """A message whose options are these bytes."""
    head = bytes(BOOTP(op=1, chaddr=bytes.fromhex(MAC.replace(":", "")) + bytes(10), options=b""))[:236]
    return eth() / IP(src="0.0.0.0") / UDP(sport=68, dport=67) / Raw(head + cookie + options)


OWN_ID = b"\x01" + bytes.fromhex(MAC.replace(":", ""))
for kind in ("discover", "request", "decline", "release", "inform"):
    add(D, kind, bootp(options=[("message-type", kind), "end"]))
    add(D, kind + ", another's hardware address", bootp(OTHER, [("message-type", kind), "end"]), "dhcp-mac")
    add(D, kind + ", client id by its MAC address", bootp(options=[("message-type", kind), ("client_id", OWN_ID), "end"]))
    add(D, kind + ", client id by another's", bootp(options=[("message-type", kind), ("client_id", OWN_ID[:-1] + b"\2"), "end"]), "dhcp-id")
for text, value in (("of another type", b"\xff" + OWN_ID[1:]), ("of one byte", b"\1"), ("empty", b""), ("longer", OWN_ID + b"\0"),
                    ("shorter", OWN_ID[:-1]), ("a DUID", b"\xff\0\0\0\1\0\1" + bytes(12)), ("a name", b"\0host")):
    add(D, "client id " + text, raw_dhcp(b"\x35\1\1\x3d" + bytes([len(value)]) + value + b"\xff"), "dhcp-id")
    add(D, "client id %s, on a nic with ips=dhcp" % text, raw_dhcp(b"\x35\1\1\x3d" + bytes([len(value)]) + value + b"\xff"), "pass", "dhcp")
add(D, "client id twice, both its own", raw_dhcp(b"\x3d\7" + OWN_ID + b"\x3d\7" + OWN_ID + b"\xff"), "dhcp-id")
add(D, "client id in two parts (RFC 3396)", raw_dhcp(b"\x3d\7" + OWN_ID + b"\x3d\1\0\xff"), "dhcp-id")
add(D, "client id behind padding", raw_dhcp(bytes(40) + b"\x3d\7" + OWN_ID[:-1] + b"\2\xff"), "dhcp-id")
add(D, "client id behind the end", raw_dhcp(b"\xff\x3d\7" + OWN_ID[:-1] + b"\2"))
add(D, "options that overflow into others", raw_dhcp(b"\x34\1\3\xff"), "dhcp-form")
add(D, "an option longer than the message", raw_dhcp(b"\x35\1\1\x0c\xff\0"), "dhcp-form")
add(D, "an option without a length", raw_dhcp(b"\x35\1\1\x0c"), "dhcp-form")
add(D, "options without an end", raw_dhcp(b"\x35\1\1"))
add(D, "more options than are looked at", raw_dhcp(b"\x0c\1\0" * 100 + b"\xff"), "dhcp-form")
add(D, "an address of odd length", raw_dhcp(b"\x32\3\0\0\0\xff"), "dhcp-form")
add(D, "no cookie: BOOTP", raw_dhcp(bytes(60), b""), "pass")
add(D, "no cookie, another's hardware address", eth() / IP(src="0.0.0.0") / UDP(sport=68, dport=67) / Raw(bytes(BOOTP(op=1, chaddr=b"\2\x08\x20\0\0\2"))[:236]), "dhcp-mac")
for kind in ("offer", "ack", "nak"):
    add(D, kind + " by the guest", bootp(op=2, sport=67, dport=68, src=ADDR, options=[("message-type", kind), "end"]), "dhcp-server")
    add(D, kind + " by the guest, which may", bootp(op=2, sport=67, dport=68, src=ADDR, options=[("message-type", kind), "end"]), "pass", "dhcp server")
    add(D, kind + " by the guest, where clients may be spoofed", bootp(op=2, sport=67, dport=68, options=[("message-type", kind), "end"]), "pass", "dhcp spoofing")
add(D, "a reply to a port of another number", bootp(op=2, sport=67, dport=1067, src=ADDR), "dhcp-server")
for op in (0, 3, 255):
    add(D, "operation %d" % op, bootp(op=op), "dhcp-server")
for hlen in (0, 1, 5, 7, 16):
    add(D, "hardware address of %d bytes" % hlen, bootp(hlen=hlen), "dhcp-mac")
add(D, "another's hardware address, where clients may be spoofed", bootp(OTHER), "pass", "dhcp spoofing")
add(D, "a renewal by its own address", bootp(src=ADDR, ciaddr=ADDR, options=[("message-type", "request"), "end"]))
add(D, "a renewal by another's address", bootp(src=VICTIM, ciaddr=VICTIM, options=[("message-type", "request"), "end"]), "ipv4-source")
add(D, "from the port of servers", bootp(sport=67))
add(D, "from any port to 68", bootp(sport=999, dport=68))
add(D, "what is no DHCP, on port 67", eth() / IP(src=ADDR) / UDP(sport=999, dport=67) / Raw(b"hello"), "dhcp-form")
short = bytes(bootp(options=[("message-type", "discover"), "end"]))
for n in (42, 43, 70, 75, 76, 100, 150, 200, 250, 276, 277):
    add(D, "cut to %d bytes" % n, short[:n], "dhcp-form")
add(D, "cut to its fixed part", short[:278])
add(D, "cut within its options", short[:283], "dhcp-form")

# --- IPv6: sources ---
S6 = "IPv6 source"
for text, src in (("its own", ADDR6), ("its link-local one by EUI-64", LL), ("none", "::"), ("of an allowed network", "fd00:7:0:1::1"),
                  ("last of an allowed network", "fd00:7:0:ffff:ffff:ffff:ffff:ffff")):
    add(S6, text, eth() / IPv6(src=src, dst="ff02::1") / ICMPv6EchoRequest())
for text, src in (("a neighbour's", VICTIM6), ("the gateway's", GATE6), ("a neighbour's link-local one", LL_OTHER), ("a stable link-local one", "fe80::1234"),
                  ("the right identifier, another prefix", "fd00:1::8:20ff:fe00:1"), ("link-local, another subnet", "fe80:0:0:1:8:20ff:fe00:1"),
                  ("above an allowed network", "fd00:8::1"), ("below an allowed network", "fd00:6:ffff::1"), ("loopback", "::1"),
                  ("multicast", "ff02::1"), ("IPv4 mapped", "::ffff:10.0.0.5"), ("one bit off", "fd00::4")):
    for what, data in (("ICMPv6", ICMPv6EchoRequest()), ("UDP", UDP(sport=9, dport=9)), ("behind a header", IPv6ExtHdrHopByHop() / UDP(sport=9, dport=9))):
        add(S6, "%s, %s" % (text, what), eth() / IPv6(src=src, dst="ff02::1") / data, "ipv6-source")
    add(S6, text + ", where it may", eth() / IPv6(src=src, dst="ff02::1") / ICMPv6EchoRequest(), "pass", "ip spoofing")

# --- IPv6: headers ---
H = "IPv6 form"
own6 = IPv6(src=ADDR6, dst="ff02::1")
for version in (0, 4, 7):
    add(H, "version %d" % version, eth() / IPv6(src=ADDR6, version=version) / ICMPv6EchoRequest(), "ipv6-form")
ends = UDP(sport=9, dport=9)
for text, header in (("hop-by-hop", IPv6ExtHdrHopByHop()), ("routing", IPv6ExtHdrRouting()), ("destination options", IPv6ExtHdrDestOpt()),
                     ("authentication", AH(nh=17, payloadlen=2, icv=bytes(4))), ("hop-by-hop and routing", IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting())):
    add(H, text, eth() / own6 / header / ends)
    if isinstance(header, AH): # scapy does not set its next header
        add(H, text + ", hides an advertisement", eth() / own6 / AH(nh=58, payloadlen=2, icv=bytes(4)) / ICMPv6ND_NA(tgt=VICTIM6), "nd-target")
    else:
        add(H, text + ", hides an advertisement", eth() / own6 / header / ICMPv6ND_NA(tgt=VICTIM6), "nd-target")
    add(H, text + ", hides a server of DHCPv6", eth() / own6 / header / UDP(sport=547, dport=546) / DHCP6_Advertise(), "dhcp-server")
chain = IPv6ExtHdrDestOpt()
for n in range(2, 12):
    chain = IPv6ExtHdrDestOpt() / chain
    add(H, "%d headers" % n, eth() / own6 / chain / ends, "pass" if n <= 8 else "ipv6-form")
add(H, "a header longer than the packet", bytes(eth() / IPv6(src=ADDR6, nh=60) / Raw(b"\x3a\x09" + bytes(22))), "ipv6-form")
add(H, "a header beyond the packet's length", bytes(eth() / IPv6(src=ADDR6, nh=60, plen=8) / Raw(b"\x11\x01" + bytes(22))), "ipv6-form")
add(H, "no next header", eth() / IPv6(src=ADDR6, nh=59))
add(H, "a protocol of no meaning", eth() / IPv6(src=ADDR6, nh=253) / Raw(bytes(20)))
add(H, "more headers than are looked at, where sources may be spoofed", eth() / own6 / chain / ends, "dhcp-form", "ip spoofing")
add(H, "the same where all may", eth() / own6 / chain / ends, "pass", "all off")
cut(H, "IPv6", eth() / IPv6(src=ADDR6) / ICMPv6EchoRequest(), [(14, "ipv6-form"), (54, "nd-form"), (55, "pass")])
cut(H, "destination options", eth() / IPv6(src=ADDR6) / IPv6ExtHdrDestOpt() / UDP(sport=9, dport=9), [(14, "ipv6-form"), (62, "dhcp-form")])
G = "IPv6 fragments"
first, later = IPv6ExtHdrFragment(m=1), IPv6ExtHdrFragment(offset=1, nh=17)
add(G, "first", eth() / own6 / first / ends)
add(G, "later", eth() / own6 / later / Raw(bytes(20)))
add(G, "of a whole packet", eth() / own6 / IPv6ExtHdrFragment() / ends)
add(G, "first, of an advertisement", eth() / own6 / first / ICMPv6ND_NA(tgt=ADDR6), "nd-form")
add(G, "whole, of an advertisement", eth() / own6 / IPv6ExtHdrFragment() / ICMPv6ND_NA(tgt=ADDR6), "nd-form")
add(G, "first, of an echo request", eth() / own6 / first / ICMPv6EchoRequest())
add(G, "first, of DHCPv6", eth() / IPv6(src=LL) / first / UDP(sport=546, dport=547) / DHCP6_Solicit(), "dhcp-form")
add(G, "first, too short for its ports", eth() / own6 / IPv6ExtHdrFragment(m=1, nh=17) / Raw(b"\2\x22"), "dhcp-form")
add(G, "first, a header behind it", eth() / own6 / first / IPv6ExtHdrDestOpt() / ends, "ipv6-form")
add(G, "fragments in fragments", eth() / own6 / first / first / ends, "ipv6-form")
add(G, "later, a neighbour's source", eth() / IPv6(src=VICTIM6) / later / Raw(bytes(20)), "ipv6-source")

# --- neighbour discovery ---
N = "discovery"
slla, tlla = ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr
for text, base in (("router solicitation", ICMPv6ND_RS()), ("router advertisement", ICMPv6ND_RA()), ("solicitation", ICMPv6ND_NS(tgt=VICTIM6))):
    add(N, text, eth() / IPv6(src=LL) / base)
    add(N, text + ", its own MAC address", eth() / IPv6(src=LL) / base / slla(lladdr=MAC))
    add(N, text + ", another's MAC address", eth() / IPv6(src=LL) / base / slla(lladdr=OTHER), "nd-mac")
    add(N, text + ", another's as the second", eth() / IPv6(src=LL) / base / slla(lladdr=MAC) / slla(lladdr=OTHER), "nd-mac")
    add(N, text + ", another's behind an unknown option", eth() / IPv6(src=LL) / base / ICMPv6NDOptUnknown(type=200, len=2, data=bytes(14)) / slla(lladdr=OTHER), "nd-mac")
    add(N, text + ", a target option does not matter", eth() / IPv6(src=LL) / base / tlla(lladdr=OTHER))
    add(N, text + ", an option of 16 bytes", eth() / IPv6(src=LL) / base / slla(len=2, lladdr=MAC) / Raw(bytes(8)), "nd-mac")
    add(N, text + ", an option of length 0", eth() / IPv6(src=LL) / base / Raw(b"\xc8\0" + bytes(6)), "nd-form")
    add(N, text + ", an option cut short", eth() / IPv6(src=LL) / base / Raw(b"\1\1" + bytes(5)), "nd-form")
    add(N, text + ", an option beyond its end", eth() / IPv6(src=LL) / base / Raw(b"\xc8\4" + bytes(6)), "nd-form")
    add(N, text + ", half an option", eth() / IPv6(src=LL) / base / Raw(b"\1"), "nd-form")
    add(N, text + ", more options than are looked at", eth() / IPv6(src=LL) / base / Raw((b"\xc8\1" + bytes(6)) * 40), "nd-form")
    add(N, text + ", another's MAC address, where it may", eth() / IPv6(src=LL) / base / slla(lladdr=OTHER), "pass", "ip spoofing")
    add(N, text + ", padded", bytes(eth() / IPv6(src=LL) / base / slla(lladdr=MAC)) + bytes(20))
    cut(N, text, eth() / IPv6(src=LL) / base, [(14, "ipv6-form"), (54, "nd-form")])
add(N, "detection of duplicates, for its own", eth() / IPv6(src="::") / ICMPv6ND_NS(tgt=ADDR6))
for text, tgt, reason in (("its own", ADDR6, "pass"), ("its link-local one", LL, "pass"), ("of an allowed network", "fd00:7::9", "pass"),
                          ("a neighbour's", VICTIM6, "nd-target"), ("the gateway's", GATE6, "nd-target"),
                          ("the gateway's link-local one", LL_GATE, "nd-target")):
    add(N, "advertisement of %s" % text, eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=tgt) / tlla(lladdr=MAC), reason)
    add(N, "advertisement of %s, no option" % text, eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=tgt), reason)
add(N, "advertisement of its own, another's MAC address", eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=ADDR6) / tlla(lladdr=OTHER), "nd-mac")
add(N, "advertisement of its own, a source option", eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=ADDR6) / slla(lladdr=OTHER))
cut(N, "advertisement", eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=ADDR6), [(14, "ipv6-form"), (54, "nd-form")])
add(N, "redirect", eth() / IPv6(src=LL) / ICMPv6ND_Redirect(tgt=LL, dst=VICTIM6))
add(N, "redirect, cut short", bytes(eth() / IPv6(src=LL) / ICMPv6ND_Redirect(tgt=LL, dst=VICTIM6))[:90], "nd-form")
add(N, "a report of multicast listeners", eth() / IPv6(src=LL, dst="ff02::16") / IPv6ExtHdrHopByHop() / ICMPv6MLReport2())

# --- DHCPv6 ---
D6 = "DHCPv6"
six = eth() / IPv6(src=LL, dst="ff02::1:2") / UDP(sport=546, dport=547)
for text, message in (("solicit", DHCP6_Solicit()), ("request", DHCP6_Request()), ("release", DHCP6_Release()), ("decline", DHCP6_Decline())):
    add(D6, text, six / message)
    add(D6, text + ", DUID-LL of its own", six / message / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC)))
    add(D6, text + ", DUID-LLT of its own", six / message / DHCP6OptClientId(duid=DUID_LLT(lladdr=MAC, timeval=9)))
    add(D6, text + ", DUID-LL of another", six / message / DHCP6OptClientId(duid=DUID_LL(lladdr=OTHER)), "dhcp-id")
    add(D6, text + ", DUID-LLT of another", six / message / DHCP6OptClientId(duid=DUID_LLT(lladdr=OTHER)), "dhcp-id")
    add(D6, text + ", DUID of an enterprise", six / message / DHCP6OptClientId(duid=DUID_EN(enterprisenum=9, id=b"x")), "dhcp-id")
    add(D6, text + ", DUID-UUID", six / message / DHCP6OptClientId(duid=DUID_UUID()), "dhcp-id")
    add(D6, text + ", DUID-UUID, on a nic with ips=addrconf", six / message / DHCP6OptClientId(duid=DUID_UUID()), "pass", "addrconf")
    add(D6, text + ", two DUIDs", six / message / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC)) / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC)), "dhcp-id")
    add(D6, text + ", DUID of another behind addresses", six / message / DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr=ADDR6)]) / DHCP6OptClientId(duid=DUID_LL(lladdr=OTHER)), "dhcp-id")
    add(D6, text + ", an option beyond its end", six / message / Raw(b"\0\1\0\x20\0"), "dhcp-form")
    add(D6, text + ", half an option", six / message / Raw(b"\0\6\0"), "dhcp-form")
for kind, text in ((2, "advertise"), (7, "reply"), (10, "reconfigure"), (12, "relay-forward"), (13, "relay-reply")):
    add(D6, text + " by the guest", six / Raw(bytes([kind]) + bytes(40)), "dhcp-server")
    add(D6, text + " by the guest, which may", six / Raw(bytes([kind]) + bytes(40)), "pass", "dhcp server")
add(D6, "too short for its head", six / Raw(b"\1\0\0"), "dhcp-form")
add(D6, "UDP cut short", eth() / IPv6(src=LL, nh=17) / Raw(b"\2\x22\2"), "dhcp-form")

# --- what is learned ---
L = "learning"
VIA = Ether(src=ROUTER, dst=MAC)


def ack(kind="ack", mac=MAC, xid=0x1234, lease=600, addr="10.0.0.77", **more):
    options = [("message-type", kind)] + ([("lease_time", lease)] if lease is not None else []) + ["end"]
    return VIA / IP(src=GATE) / UDP(sport=67, dport=68) / BOOTP(**{**dict(op=2, xid=xid, yiaddr=addr, chaddr=bytes.fromhex(mac.replace(":", "")) + bytes(10)), **more}) / DHCP(options=options)


asks = ("out", raw(bootp(options=[("message-type", "request"), "end"])))
given = eth() / IP(src="10.0.0.77") / ICMP()
add(L, "DHCP: asked and given", given, "pass", "dhcp", before=[asks, ("in", raw(ack()))])
add(L, "DHCP: ARP for it", eth() / ARP(hwsrc=MAC, psrc="10.0.0.77"), "pass", "dhcp", before=[asks, ("in", raw(ack()))])
add(L, "DHCP: for ever", given, "pass", "dhcp", before=[asks, ("in", raw(ack(lease=0xFFFFFFFF)))])
add(L, "DHCP: a nic without addresses learns", given, "pass", "no address", before=[asks, ("in", raw(ack()))])
for text, before in (("not given", [asks]), ("not asked for", [("in", raw(ack()))]), ("of another transaction", [asks, ("in", raw(ack(xid=9)))]),
                     ("for another's MAC address", [asks, ("in", raw(ack(mac=OTHER)))]), ("refused", [asks, ("in", raw(ack("nak")))]),
                     ("only offered", [asks, ("in", raw(ack("offer")))]), ("for no time", [asks, ("in", raw(ack(lease=0)))]),
                     ("without a time", [asks, ("in", raw(ack(lease=None)))]), ("by a request that was dropped", [("out", raw(bootp(OTHER, [("message-type", "request"), "end"]))), ("in", raw(ack()))]),
                     ("to another nic", [asks, ("in", raw(Ether(src=ROUTER, dst=OTHER) / ack().payload))]),
                     ("by the guest itself", [asks, ("out", raw(ack()))]),
                     ("and released", [asks, ("in", raw(ack())), ("out", raw(bootp(src="10.0.0.77", ciaddr="10.0.0.77", options=[("message-type", "release"), "end"])))]),
                     ("and declined", [asks, ("in", raw(ack())), ("out", raw(bootp(options=[("message-type", "decline"), ("requested_addr", "10.0.0.77"), "end"])))])):
    add(L, "DHCP: " + text, given, "ipv4-source", "dhcp", before=before)
add(L, "DHCP: a nic of fixed addresses does not learn", given, "ipv4-source", before=[asks, ("in", raw(ack()))])
add(L, "DHCP: another address than given", eth() / IP(src="10.0.0.78") / ICMP(), "ipv4-source", "dhcp", before=[asks, ("in", raw(ack()))])


def advert(valid=600, flags=1, bits=64, hlim=255, src=LL_GATE, prefix="fd00:1::"):
    return Ether(src=ROUTER, dst="33:33:00:00:00:01") / IPv6(src=src, dst="ff02::1", hlim=hlim) / ICMPv6ND_RA() / \
        ICMPv6NDOptMTU() / ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=bits, A=flags, validlifetime=valid)


formed = eth() / IPv6(src=SLAAC6, dst="ff02::1") / ICMPv6EchoRequest()
add(L, "SLAAC: its own identifier in an advertised prefix", formed, "pass", "addrconf", before=[("in", raw(advert()))])
add(L, "SLAAC: advertises that address", eth() / IPv6(src=LL) / ICMPv6ND_NA(tgt=SLAAC6) / tlla(lladdr=MAC), "pass", "addrconf", before=[("in", raw(advert()))])
for text, frame, before in (("not advertised", formed, []), ("another identifier", eth() / IPv6(src=PRIVACY6) / ICMPv6EchoRequest(), [advert()]),
                            ("not autonomous", formed, [advert(flags=0)]), ("not of 64 bits", formed, [advert(bits=63)]),
                            ("from beyond the link", formed, [advert(hlim=254)]), ("not by a link-local address", formed, [advert(src=GATE6)]),
                            ("withdrawn", formed, [advert(), advert(valid=0)]), ("another prefix", formed, [advert(prefix="fd00:2::")])):
    add(L, "SLAAC: " + text, frame, "ipv6-source", "addrconf", before=[("in", raw(f)) for f in before])
add(L, "SLAAC: a nic of fixed addresses does not learn", formed, "ipv6-source", before=[("in", raw(advert()))])


def reply(trid=0x77, valid=600, addr="fd00:3::9"):
    return VIA / IPv6(src=LL_GATE, dst=LL) / UDP(sport=547, dport=546) / DHCP6_Reply(trid=trid) / DHCP6OptServerId(duid=DUID_LL(lladdr=ROUTER)) / \
        DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr=addr, preflft=valid, validlft=valid)])


asks6 = ("out", raw(six / DHCP6_Request(trid=0x77) / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC))))
leased = eth() / IPv6(src="fd00:3::9", dst="ff02::1") / ICMPv6EchoRequest()
add(L, "DHCPv6: asked and given", leased, "pass", "addrconf", before=[asks6, ("in", raw(reply()))])
for text, before in (("not given", [asks6]), ("not asked for", [("in", raw(reply()))]), ("of another transaction", [asks6, ("in", raw(reply(trid=9)))]),
                     ("for no time", [asks6, ("in", raw(reply(valid=0)))]),
                     ("and released", [asks6, ("in", raw(reply())), ("out", raw(six / DHCP6_Release(trid=1) / DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr="fd00:3::9")])))])):
    add(L, "DHCPv6: " + text, leased, "ipv6-source", "addrconf", before=before)

# --- towards the guest ---
T = "to the guest"
for text, dst, reason in (("to it", MAC, "pass"), ("to everybody", ALL, "pass"), ("to IPv4 multicast", "01:00:5e:00:00:fb", "pass"),
                          ("to IPv6 multicast", "33:33:00:00:00:01", "pass"), ("to a neighbour", OTHER, "not-ours"), ("to zeroes", "00:00:00:00:00:00", "not-ours"),
                          ("one bit off", "02:08:20:00:00:00", "not-ours")):
    for what, data in (("IPv4", IP(src=GATE) / ICMP()), ("IPv6", IPv6(src=GATE6) / ICMPv6EchoRequest()), ("ARP", ARP(hwsrc=ROUTER, psrc=GATE))):
        add(T, "%s, %s" % (text, what), Ether(src=ROUTER, dst=dst) / data, reason, direction="in")
    add(T, text + ", LLDP", Ether(src=ROUTER, dst=dst, type=0x88CC) / Raw(bytes(46)), reason, direction="in")
    add(T, text + ", unfiltered", Ether(src=ROUTER, dst=dst) / IP(src=GATE), "pass", "promisc", "in")
    add(T, text + ", where the MAC address may be any", Ether(src=ROUTER, dst=dst) / IP(src=GATE), "pass", "mac spoofing", "in")
add(T, "VLAN 9, where there is none", Ether(src=ROUTER, dst=ALL) / Dot1Q(vlan=9) / IP(src=GATE), "other-vlan", direction="in")
add(T, "its own VLAN", Ether(src=ROUTER, dst=ALL) / Dot1Q(vlan=7) / IP(src=GATE), "pass", "vlan 7", "in")
add(T, "another VLAN", Ether(src=ROUTER, dst=ALL) / Dot1Q(vlan=9) / IP(src=GATE), "other-vlan", "vlan 7", "in")
add(T, "a priority alone", Ether(src=ROUTER, dst=ALL) / Dot1Q(vlan=0) / IP(src=GATE), direction="in")
add(T, "VLAN 9, unfiltered", Ether(src=ROUTER, dst=ALL) / Dot1Q(vlan=9) / IP(src=GATE), "pass", "promisc", "in")
add(T, "a DHCP reply", ack(), direction="in")
add(T, "a router's advertisement", advert(), direction="in")
for n in (14, 15, 20, 33, 34, 41, 42, 60):
    add(T, "a DHCP reply cut to %d bytes" % n, raw(ack())[:n], "pass", "dhcp", "in")
    add(T, "a router's advertisement cut to %d bytes" % n, raw(advert())[:n], "pass", "addrconf", "in")
