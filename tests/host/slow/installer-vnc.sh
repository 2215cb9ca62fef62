#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=300
#
# Debian's installer on a zone's display: the kernel's bochs driver, the first dialog as a picture, and a VNC client's key that moves its
# cursor. Wants debian-installer-12-netboot-amd64. In the virtual host, by hand, minutes:
#
#   tests/host/run -t 600 -- bash tests/host/slow/installer-vnc.sh [FOLDER]
#
# FOLDER (below the source tree or the cache) gets the pictures.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

di=/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
[ -r $di/linux ] || {
	t_skip "the installer as a picture" "there is no package debian-installer-12-netboot-amd64"
	t_done
}
shots=${1:-$T}
client=${BUILD:-$top/build}/tests/guest/vnc_client
jq -n --arg di $di '{brand: "bhyve", alias: "installed", ram: 1024, vcpus: 1, autoboot: false, bootrom: "bios", vnc_port: 0,
	disks: [{boot: true, model: "virtio", size: 3072}]}' >"$T/vm.json"
t_run "a machine with a display" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
# The last console= is where the installer asks; the words after it spare an emulated machine some minutes.
t_run "the installer's kernel and initrd" 0 zonecfg -u "$uuid" "remove attr name=bootrom;
	add attr; set name=kernel; set type=string; set value=$di/linux; end;
	add attr; set name=initrd; set type=string; set value=$di/initrd.gz; end;
	add attr; set name=bootargs; set type=string;
	set value=\"console=ttyS0 console=tty0 mitigations=off no_timer_check tsc=reliable apparmor=0 ---\"; end"
t_run "start" 0 vmadm start "$uuid"
z=/zones/$uuid
sock=$(vmadm info "$uuid" vnc | jq -r .vnc.socket)
picture() { vmadm sysrq "$uuid" screenshot 2>/dev/null && cp "$z/screenshot.png" "$shots/$1.png"; }
# The dialog's blue ground in a corner below the title.
asks() { timeout 20 "$client" "$sock" size=1024x768 pixel=4,700,0000aa still; }
wait_for "${INSTALLER_SECONDS:-450}" asks || true
t_run "the installer's screen" 0 asks
picture installer
t_run "a key moves the cursor" 0 timeout 120 "$client" "$sock" still key=0xff54 changed
picture installer-key
tr -d '\r\0' <"$z/logs/console.log" | grep -aE 'bochs|fb0|Console:' | sed 's/^/# /' || true
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
