#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: cpus=1 time=800
#
# Debian's installer from the network, in a zone: a boot ROM, iPXE (in the nic's ROM for SeaBIOS; OVMF gets it by its own PXE), DHCP of the nic tag's
# dnsmasq, a script of iPXE's by HTTP, and what it starts, to the first dialog on the serial console: README, "From the network". Wants the
# packages dnsmasq-base, nftables, ipxe, ipxe-qemu, python3 and debian-installer-12-netboot-amd64. By hand, in the virtual host, minutes:
#
#   tests/host/run -c 1 -t 1200 -- bash tests/host/slow/netboot.sh [ROM...]
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

di=/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
for f in $di/linux /usr/sbin/nft /usr/lib/ipxe/qemu/pxe-virtio.rom /usr/lib/ipxe/snponly.efi "$(command -v dnsmasq || echo /usr/sbin/dnsmasq)"; do
	[ -r "$f" ] || {
		t_skip "the installer from the network" "there is no $f"
		t_done
	}
done
limit=${INSTALLER_SECONDS:-400}
mkdir -p /etc/zones "$T/srv"
chmod 755 "$T"
cp $di/linux $di/initrd.gz /usr/lib/ipxe/snponly.efi "$T/srv"
# The words behind console= spare an emulated machine some minutes.
printf '%s\n' '#!ipxe' 'kernel linux initrd=initrd.gz --- console=ttyS0 mitigations=off no_timer_check tsc=reliable apparmor=0' 'initrd initrd.gz' boot \
	>"$T/srv/install.ipxe"
cat >/etc/zones/nictag-nat0.dnsmasq <<END
enable-tftp
tftp-root=$T/srv
dhcp-match=set:ipxe,175
dhcp-boot=tag:!ipxe,snponly.efi
dhcp-boot=tag:ipxe,http://10.88.0.1:8000/install.ipxe
END
t_run "a nic tag that leads out and boots what is on it" 0 nictagadm add -N nat0 10.88.0.0/24
t_atexit nictagadm delete -f nat0
python3 -m http.server 8000 --bind 10.88.0.1 --directory "$T/srv" >"$T/http.log" 2>&1 &
t_atexit kill $!

says() { # SECONDS TEXT
	wait_for "$1" eval "text | grep -qE '$2'" || true
	t_like "on the console: $2" "$(text | grep -m 1 -E "$2" || text | grep '[^ ]' | tail -n 20)" "$2"
	echo "# at $(cut -d. -f1 /proc/uptime) s"
}
text() { tr -d '\r\0' <"$log" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1b[()][A-Za-z0-9]//g'; }
from_network() { # ROM
	jq -n --arg rom "$1" '{brand: "bhyve", alias: "netboot", ram: 1024, vcpus: 1, autoboot: false, bootrom: $rom,
		disks: [{boot: true, model: "virtio", size: 3072}],
		nics: [{nic_tag: "nat0", model: "virtio", ips: ["dhcp"], primary: true}]}' >"$T/vm.json"
	t_run "$1: a machine with an empty disk" 0 vmadm create -f "$T/vm.json"
	uuid=${t_err##* }
	t_atexit vmadm delete "$uuid"
	log=/zones/$uuid/logs/console.log
	t_run "started from the network, once" 0 vmadm start "$uuid" order=c,once=n
	says "$limit" 'net0: 10\.88\.0\.|Configuring .net0'
	says "$limit" 'Linux version'
	[ "$1" != uefi ] || says 60 'efi: EFI v2'
	says "$limit" 'Select a language'
	t_run "stop" 0 vmadm stop "$uuid" -F
	t_run "gone" 0 vmadm delete "$uuid"
}
[ $# -gt 0 ] || set -- bios uefi
for rom; do from_network "$rom"; done
t_done
