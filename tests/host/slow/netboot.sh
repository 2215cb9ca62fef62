#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=400
#
# Debian's installer from the network, in a zone: SeaBIOS, iPXE in the nic's ROM, DHCP and TFTP of the host's, pxelinux, and what
# it starts, to the first dialog on the serial console. Wants the packages dnsmasq-base, nftables, ipxe-qemu and
# debian-installer-12-netboot-amd64. By hand, in the virtual host, minutes:
#
#   tests/host/run -t 600 -- bash tests/host/slow/netboot.sh
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

di=/usr/lib/debian-installer/images/12/amd64/text
for f in $di/pxelinux.0 /usr/sbin/nft /usr/lib/ipxe/qemu/pxe-virtio.rom "$(command -v dnsmasq || echo /usr/sbin/dnsmasq)"; do
	[ -r "$f" ] || {
		t_skip "the installer from the network" "there is no $f"
		t_done
	}
done
limit=${INSTALLER_SECONDS:-400}
mkdir -p /etc/zones
printf '%s\n' dhcp-boot=pxelinux.0 enable-tftp tftp-root=$di >/etc/zones/nictag-nat0.dnsmasq
t_run "a nic tag that leads out and boots what is on it" 0 nictagadm add -N nat0 10.88.0.0/24
t_atexit nictagadm delete -f nat0

jq -n '{brand: "bhyve", alias: "netboot", ram: 1024, vcpus: 1, autoboot: false, bootrom: "bios",
	disks: [{boot: true, model: "virtio", size: 3072}],
	nics: [{nic_tag: "nat0", model: "virtio", ips: ["dhcp"], primary: true}]}' >"$T/vm.json"
t_run "a machine with an empty disk" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
t_run "started from the network, once" 0 vmadm start "$uuid" order=c,once=n
mkfifo "$T/keys"
exec 8<>"$T/keys"
vmadm console "$uuid" <"$T/keys" >"$T/console" 2>&1 &
t_atexit kill $!
text() { tr -d '\r\0' <"$T/console" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1b[()][A-Za-z0-9]//g'; }
shows() { text | grep -q "$1"; }
wait_for 300 shows 'Press ENTER to boot or TAB' || true
t_like "iPXE has an address" "$(text)" 'net0: 10\.88\.0\.'
t_like "and pxelinux the menu" "$(text)" 'Debian GNU/Linux installer menu'
# The first entry, with more words for its kernel; the second spares an emulated machine some minutes.
printf '\t' >&8
wait_for 20 shows 'initrd=' || true
# Slowly: a BIOS keeps 16 keys, and the menu redraws its line for each.
words=' console=ttyS0 mitigations=off'
for ((i = 0; i < ${#words}; i++)); do
	printf %s "${words:i:1}" >&8
	sleep 0.5
done
printf '\r' >&8
asks() { shows 'Select a language'; }
wait_for "$limit" asks || true
t_like "the installer's first dialog is on the console" "$(text | tail -n 40)" 'Select a language'
echo "# $(cut -d' ' -f1 /proc/uptime) s after the host's start"
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
