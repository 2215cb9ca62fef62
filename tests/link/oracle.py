# SPDX-License-Identifier: BSD-2-Clause
"""A second judge of frames, slow and plain, written from zone-protection(7) and not from protect.c.

It keeps whole objects where the C counts bytes, and leaves the decoding of headers to scapy. It is for
comparison only: check runs both over the same frames.
"""
import ipaddress

from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q

TAGS = (0x8100, 0x88A8)
IP_TYPES = (0x0800, 0x86DD, 0x0806)


class Drop(Exception):
    """The frame is dropped; its text is the reason."""


class Link:
    """A link by the properties of its nic, as vmadm has them."""

    def __init__(self, mac, vlan, props):
        def true(name):
            return props.get(name) == "true"

        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.vlan = vlan
        self.check_mac = not true("allow_mac_spoofing")
        self.check_dhcp = not (true("allow_dhcp_spoofing") or true("dhcp_server"))
        self.check_ip = self.check_dhcp and not true("allow_ip_spoofing")
        self.check_type = not true("allow_restricted_traffic")
        self.filtered = not (true("allow_unfiltered_promisc") or true("allow_mac_spoofing"))
        self.ports = [int(p) for p in props.get("blocked_outgoing_ports", "").split(",") if p]
        ips = [i for i in props.get("ips", "").split(",") if i]
        self.learns = set()
        if "dhcp" in ips:
            self.learns.add("dhcp4")
        if "addrconf" in ips:
            self.learns |= {"dhcp6", "slaac"}
        self.any_id = bool(self.learns)
        self.nets = [ipaddress.ip_network(i.split("/")[0]) for i in ips if i[0].isdigit() or ":" in i]
        self.nets += [ipaddress.ip_network(i, strict=False)
                      for i in props.get("allowed_ips", "").split(",") if i]
        if "vrrp_primary_ip" in props:
            self.nets.append(ipaddress.ip_network(props["vrrp_primary_ip"]))
        if not self.nets and not self.learns:
            self.learns, self.any_id = {"dhcp4", "dhcp6"}, True
        if not self.check_ip:
            self.learns = set()
        self.asked, self.leases, self.prefixes = set(), set(), set()
        self.brief = False # something holds for less than a minute; here is no clock
        self.token = bytes([self.mac[0] ^ 2]) + self.mac[1:3] + b"\xff\xfe" + self.mac[3:]

    def lasts(self, seconds):
        """Is it to be known: for a number of seconds, in as many bytes as it has?"""
        self.brief |= 0 < int.from_bytes(seconds, "big") < 60
        return any(seconds)

    def holds(self, address):
        """May the link use this address as its own?"""
        if int(address) == 0:
            return True
        if address.version == 6:
            if address.packed[8:] == self.token:
                if address.packed[:8] == b"\xfe\x80" + bytes(6) or address.packed[:8] in self.prefixes:
                    return True
        return address in self.leases or any(address in n for n in self.nets if n.version == address.version)


def option_list4(data):
    """DHCP options: a list of (code, value); None when they are not well-formed."""
    out, steps = [], 0
    while data:
        steps += 1
        if steps > 96:
            return None
        if data[0] == 255:
            return out
        if data[0] == 0:
            data = data[1:]
            continue
        if len(data) < 2 or len(data) < 2 + data[1]:
            return None
        out.append((data[0], data[2:2 + data[1]]))
        data = data[2 + data[1]:]
    # A walk of just so many steps has not seen that it was the end.
    return None if steps == 96 else out


def option_list6(data):
    """DHCPv6 options in the order they lie in, those inside IA_NA and IA_TA too, and whether all is well."""
    out, steps = [], 0
    while data:
        steps += 1
        if steps > 48 or len(data) < 4:
            return out, False
        code, size = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        data = data[4:]
        fixed = {3: 12, 4: 4, 5: 24}.get(code, 0)
        if size > len(data) or size < fixed:
            return out, False
        out.append((code, data[:size]))
        data = data[fixed if code in (3, 4) else size:]
    return out, steps != 48


def bootp_of(data):
    """The fixed part of a DHCP message and the bytes of its options."""
    fixed = BOOTP(data[:236])
    rest = data[236:]
    return fixed, rest[4:] if rest[:4] == b"\x63\x82\x53\x63" else None


def dhcp4(link, data, whole):
    if not whole or len(data) < 236:
        raise Drop("dhcp-form")
    boot, rest = bootp_of(data)
    if boot.op != 1:
        raise Drop("dhcp-server")
    if boot.hlen != 6 or bytes(boot.chaddr)[:6] != link.mac:
        raise Drop("dhcp-mac")
    options = option_list4(rest) if rest is not None else []
    if options is None:
        raise Drop("dhcp-form")
    for code, value in options:
        if code == 52 or len(value) != {50: 4, 51: 4, 53: 1}.get(code, len(value)):
            raise Drop("dhcp-form")
    ids = [v for c, v in options if c == 61]
    if not link.any_id and ids and ids != [b"\x01" + link.mac]:
        raise Drop("dhcp-id")
    if "dhcp4" in link.learns:
        values = dict(options)
        kind = values.get(53, b"\0")[0]
        if kind == 3:
            link.asked.add((4, boot.xid))
        elif kind == 4 and 50 in values:
            link.leases.discard(ipaddress.IPv4Address(values[50]))
        elif kind == 7:
            link.leases.discard(ipaddress.IPv4Address(boot.ciaddr))


def dhcp6(link, data, whole):
    if not whole or len(data) < 4:
        raise Drop("dhcp-form")
    if data[0] in (2, 7, 10, 12, 13):
        raise Drop("dhcp-server")
    gives_back = data[0] in (8, 9) and "dhcp6" in link.learns
    options, good = option_list6(data[4:])
    if gives_back:
        for code, value in options:
            if code == 5:
                link.leases.discard(ipaddress.IPv6Address(value[:16]))
    if not good:
        raise Drop("dhcp-form")
    ids = [v for c, v in options if c == 1]
    good = len(ids) <= 1 and all((v[:2] == b"\0\1" and len(v) == 14 and v[8:] == link.mac) or
                                 (v[:2] == b"\0\3" and len(v) == 10 and v[4:] == link.mac) for v in ids)
    if not good and not link.any_id:
        raise Drop("dhcp-id")
    if "dhcp6" in link.learns and not gives_back:
        link.asked.add((6, data[1:4]))


def udp(link, data, whole, version):
    if not link.check_dhcp and not link.learns & {"dhcp%d" % version}:
        return
    try:
        if len(data) < 8:
            raise Drop("dhcp-form")
        header = UDP(data[:8])
        if {header.sport, header.dport} & ({67, 68} if version == 4 else {546, 547}):
            (dhcp4 if version == 4 else dhcp6)(link, data[8:], whole)
    except Drop:
        if link.check_dhcp:
            raise


def tcp(link, data):
    if link.ports and (len(data) < 4 or int.from_bytes(data[2:4], "big") in link.ports):
        raise Drop("port")


def discovery(link, data, whole):
    if not data:
        raise Drop("nd-form")
    kind = data[0]
    if kind < 133 or kind > 137:
        return
    size = {133: 8, 134: 16, 135: 24, 136: 24, 137: 40}[kind]
    if not whole or len(data) < size:
        raise Drop("nd-form")
    if kind == 137:
        return
    if kind == 136 and not link.holds(ipaddress.IPv6Address(data[8:24])):
        raise Drop("nd-target")
    wanted, data = 2 if kind == 136 else 1, data[size:]
    for _ in range(32):
        if not data:
            return
        if len(data) < 2 or data[1] == 0 or len(data) < 8 * data[1]:
            raise Drop("nd-form")
        if data[0] == wanted and data[1:8] != b"\x01" + link.mac:
            raise Drop("nd-mac")
        data = data[8 * data[1]:]
    raise Drop("nd-form")


def ipv4(link, data, gso):
    header = IP(data[:20]) if len(data) >= 20 else None
    size = header.len if header is not None else 0
    if header is not None and gso and size == 0:
        size = len(data)
    if header is None or header.version != 4 or header.ihl < 5 or 4 * header.ihl > len(data) or size < 4 * header.ihl:
        if link.check_ip:
            raise Drop("ipv4-form")
        return
    if link.check_ip and not link.holds(ipaddress.IPv4Address(header.src)):
        raise Drop("ipv4-source")
    if header.frag != 0:
        return
    inner = data[4 * header.ihl:size]
    if header.proto == 17:
        udp(link, inner, not header.flags.MF and not gso, 4)
    elif header.proto == 6:
        tcp(link, inner)


def ipv6(link, data, gso):
    header = IPv6(data[:40]) if len(data) >= 40 else None
    if header is None or header.version != 6:
        if link.check_ip:
            raise Drop("ipv6-form")
        return
    if link.check_ip and not link.holds(ipaddress.IPv6Address(header.src)):
        raise Drop("ipv6-source")
    size = len(data) - 40 if gso and header.plen == 0 else header.plen
    kind, data = header.nh, data[40:40 + size]
    fragment = later = good = False
    for _ in range(9):
        if kind not in (0, 43, 44, 51, 60):
            good = True
            break
        if fragment or len(data) < 8:
            break
        length = {44: 8, 51: 4 * (data[1] + 2)}.get(kind, 8 * (data[1] + 1))
        if kind == 44:
            fragment, later = True, int.from_bytes(data[2:4], "big") >> 3 != 0
        if length > len(data):
            break
        kind, data = data[0], data[length:]
    if not good:
        for on, reason in ((link.check_ip, "ipv6-form"), (link.check_dhcp, "dhcp-form"), (link.ports, "port")):
            if on:
                raise Drop(reason)
        return
    if later:
        return
    if kind == 17:
        udp(link, data, not fragment and not gso, 6)
    elif kind == 6:
        tcp(link, data)
    elif kind == 58 and link.check_ip:
        discovery(link, data, not fragment and not gso)


def arp(link, data):
    if len(data) < 8:
        raise Drop("arp-form")
    hlen, plen = data[4], data[5]
    if hlen not in (0, 6) or plen != 4 or len(data) < 8 + 2 * hlen + 2 * plen:
        raise Drop("arp-form")
    if hlen and data[8:14] != link.mac:
        raise Drop("arp-mac")
    if not link.holds(ipaddress.IPv4Address(data[8 + hlen:12 + hlen])):
        raise Drop("arp-ip")


def untag(frame):
    """The VLAN tags (type, id), at most two, the type of what is in them, and that."""
    tags, kind, data = [], int.from_bytes(frame[12:14], "big"), frame[14:]
    while kind in TAGS and len(tags) < 2 and len(data) >= 4:
        tag = Dot1Q(data[:4])
        tags.append((kind, tag.vlan))
        kind, data = tag.type, data[4:]
    return tags, kind, data


def from_guest(link, frame, gso=False):
    """The reason of a frame the guest sends."""
    try:
        if len(frame) < 14:
            raise Drop("short")
        if link.check_mac and frame[6:12] != link.mac:
            raise Drop("mac-source")
        tags, kind, data = untag(frame)
        if link.check_type:
            if tags and tags[0][0] == 0x8100 and tags[0][1] not in (0, link.vlan):
                raise Drop("vlan")
            if len(tags) > 1 or (tags and tags[0][0] != 0x8100) or kind not in IP_TYPES:
                raise Drop("ethertype")
        if link.check_ip or link.check_dhcp or link.ports:
            if kind in TAGS and len(tags) == 2:
                raise Drop("tags")
            if kind == 0x0800:
                ipv4(link, data, gso)
            elif kind == 0x86DD:
                ipv6(link, data, gso)
            elif kind == 0x0806 and link.check_ip:
                arp(link, data)
    except Drop as why:
        return str(why)
    return "pass"


def learn4(link, data):
    if len(data) < 20:
        return
    header = IP(data[:20])
    if header.version != 4 or header.ihl < 5 or not 4 * header.ihl <= header.len or \
            len(data) < 4 * header.ihl or header.frag or header.flags.MF or header.proto != 17:
        return
    data = data[4 * header.ihl:header.len]
    if len(data) < 8 or (data[:4] != b"\0\x43\0\x44") or len(data) < 8 + 236:
        return
    boot, rest = bootp_of(data[8:])
    if boot.op != 2 or boot.hlen != 6 or bytes(boot.chaddr)[:6] != link.mac or (4, boot.xid) not in link.asked:
        return
    options = option_list4(rest) if rest is not None else []
    if options is None or any(len(v) != {50: 4, 51: 4, 53: 1}.get(c, len(v)) for c, v in options):
        return
    values = dict(options)
    kind = values.get(53, b"\0")[0]
    if kind == 5 and boot.yiaddr != "0.0.0.0" and link.lasts(values.get(51, b"\0")):
        link.leases.add(ipaddress.IPv4Address(boot.yiaddr))
    if kind in (5, 6):
        link.asked.discard((4, boot.xid))


def learn6(link, data):
    if len(data) < 40 or data[0] >> 4 != 6:
        return
    header = IPv6(data[:40])
    source = data[8:16]
    data = data[40:40 + header.plen]
    if header.nh == 17 and "dhcp6" in link.learns and data[:4] == b"\x02\x23\x02\x22" and len(data) >= 12:
        if data[8] == 7 and (6, data[9:12]) in link.asked:
            link.asked.discard((6, data[9:12]))
            for code, value in option_list6(data[12:])[0]:
                if code == 5:
                    known = ipaddress.IPv6Address(value[:16])
                    (link.leases.add if link.lasts(value[20:24]) else link.leases.discard)(known)
    if header.nh == 58 and "slaac" in link.learns and header.hlim == 255 and data[:1] == b"\x86" and \
            source == b"\xfe\x80" + bytes(6):
        data = data[16:]
        for _ in range(32):
            if len(data) < 2 or data[1] == 0 or len(data) < 8 * data[1]:
                return
            if data[:3] == b"\x03\x04\x40" and data[3] & 0x40 and data[16:24] != b"\xfe\x80" + bytes(6):
                (link.prefixes.add if link.lasts(data[4:8]) else link.prefixes.discard)(data[16:24])
            data = data[8 * data[1]:]


def to_guest(link, frame):
    """The reason of a frame on its way to the guest."""
    if len(frame) < 14:
        return "short"
    tags, kind, data = untag(frame)
    if link.filtered:
        if not frame[0] & 1 and frame[:6] != link.mac:
            return "not-ours"
        if tags and tags[0][1] not in (0, link.vlan):
            return "other-vlan"
    if kind == 0x0800 and "dhcp4" in link.learns:
        learn4(link, data)
    elif kind == 0x86DD and link.learns & {"dhcp6", "slaac"}:
        learn6(link, data)
    return "pass"
