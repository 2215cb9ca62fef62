#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=450
#
# Debian's installer in a zone, on the serial console, README's "An installer" with its nic tag: from its first dialog through language, keyboard
# and network, which it gets by the tag's DHCP, to where it wants a mirror, of which the virtual host has none. In the virtual host it takes minutes.
# Wants the packages debian-installer-12-netboot-amd64, dnsmasq-base and nftables. By hand:
#
#   tests/host/run -t 900 -- bash tests/host/slow/installer.sh
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

di=/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
for f in $di/linux /usr/sbin/dnsmasq /usr/sbin/nft; do
	[ -r $f ] || {
		t_skip "the installer's dialogs" "there is no $f"
		t_done
	}
done
limit=${INSTALLER_SECONDS:-600}
t_run "a nic tag with DHCP" 0 nictagadm add -N nat0 10.88.0.0/24
t_atexit nictagadm delete -f nat0
jq -n '{brand: "bhyve", alias: "installed", ram: 1024, vcpus: 1, autoboot: false, bootrom: "bios",
	disks: [{boot: true, model: "virtio", size: 3072}],
	nics: [{nic_tag: "nat0", model: "virtio", ips: ["dhcp"], primary: true}]}' >"$T/vm.json"
t_run "a machine with an empty disk" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
# The words after console= spare an emulated machine some minutes, and change nothing else.
t_run "the installer's kernel and initrd, to start directly" 0 zonecfg -u "$uuid" "remove attr name=bootrom;
	add attr; set name=kernel; set type=string; set value=$di/linux; end;
	add attr; set name=initrd; set type=string; set value=$di/initrd.gz; end;
	add attr; set name=bootargs; set type=string;
	set value=\"console=ttyS0 mitigations=off no_timer_check tsc=reliable apparmor=0 quiet ---\"; end"
t_run "start" 0 vmadm start "$uuid"
mkfifo "$T/keys"
exec 8<>"$T/keys"
log=/zones/$uuid/logs/console.log
vmadm console "$uuid" <"$T/keys" >/dev/null 2>&1 &
t_atexit kill $!
seen=0
dialog() { tail -c +$((seen + 1)) "$log" | tr -d '\r\0' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1b[()][A-Za-z0-9]//g'; }
# asks SECONDS TEXT: since the last answer. answer KEYS: of printf.
asks() {
	wait_for "$1" eval 'dialog | grep -aq "$text"' || true
	t_like "asked: $text" "$(dialog | tail -n 40)" "$text"
	echo "# at $(cut -d' ' -f1 /proc/uptime) s"
}
answer() {
	sleep 1 # the dialog is drawn before it listens
	seen=$(stat -c %s "$log")
	# shellcheck disable=SC2059
	printf "$1" >&8
}
text='Select a language' && asks "$limit" && answer '\r'
dialog | tr -s ' ' | grep -a '[^ ]' | tail -c 700 | fold -s -w 100 | sed 's/^/#   /'
text='Select your location' && asks 120 && answer '\r'
text='Configure the keyboard' && asks 120 && answer '\r'
text='Hostname' && asks 240 && answer '\r'
t_like "DHCP gave it an address through the zone's nic" "$(cat /run/zones/.nictags/*)" ' [0-9a-f:]{17} 10\.88\.0\.'
text='Domain name' && asks 60 && answer '\r'
text='archive mirror country' && asks 240
dialog | tr -s ' ' | grep -a '[^ ]' | tail -c 700 | fold -s -w 100 | sed 's/^/#   /'
exec 8>&-
t_run "the disk's own boot loader is next" 0 zonecfg -u "$uuid" \
	"remove attr name=kernel; remove attr name=initrd; remove attr name=bootargs;
	add attr; set name=bootrom; set type=string; set value=bios; end"
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
