#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's installer in a zone, up to its first dialog on the serial console: README's "An installer". No part of make check: in the
# virtual host it takes minutes. Wants the package debian-installer-12-netboot-amd64. To be run by
#
#   tests/host/run -t 900 -- tests/host/installer.sh
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/lib.sh"

di=/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
[ -r $di/linux ] || {
	t_skip "the installer's first dialog" "there is no package debian-installer-12-netboot-amd64"
	t_done
}
limit=${INSTALLER_SECONDS:-600}
jq -n '{brand: "bhyve", alias: "installed", ram: 1024, vcpus: 1, autoboot: false, bootrom: "bios",
	disks: [{boot: true, model: "virtio", size: 3072}]}' >"$T/vm.json"
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
log=/zones/$uuid/logs/console.log
dialog() { tr -d '\r\0' <"$log" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1b[()][A-Za-z0-9]//g'; }
asks() { dialog | grep -q 'Select a language'; }
wait_for "$limit" asks || true
t_like "the first dialog is on the console" "$(dialog | tail -n 40)" 'Select a language'
echo "# $(cut -d' ' -f1 /proc/uptime) s after the host's start:"
dialog | tr -s ' ' | grep '[^ ]' | tail -c 700 | fold -s -w 100 | sed 's/^/#   /'
t_run "the disk's own boot loader is next" 0 zonecfg -u "$uuid" \
	"remove attr name=kernel; remove attr name=initrd; remove attr name=bootargs;
	add attr; set name=bootrom; set type=string; set value=bios; end"
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
