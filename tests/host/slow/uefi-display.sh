#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=200
#
# UEFI on a zone's display: OVMF's shell is what a machine with an empty disk ends in; a VNC client sees it and types a command, which
# the shell carries out. In the virtual host, by hand:
#
#   tests/host/run -t 400 -- bash tests/host/slow/uefi-display.sh [FOLDER]
#
# FOLDER (below the source tree or the cache) gets the pictures.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

shots=${1:-$T}
client=${BUILD:-$top/build}/tests/guest/vnc_client
jq -n '{brand: "bhyve", alias: "uefi-display", ram: 512, autoboot: false, bootrom: "uefi", vnc_port: 0,
	disks: [{boot: true, model: "virtio", size: 1}]}' >"$T/vm.json"
t_run "a machine with a display and an empty disk" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid
said() { tr -d '\r\0' <"$z/logs/console.log" | sed 's/\x1b\[[0-9;=?]*[A-Za-z]//g'; }
says() { said | grep -q "$1"; }
twice() { [ "$(said | grep -o Typed-by-VNC | wc -l)" -ge 2 ]; }
picture() { vmadm sysrq "$uuid" screenshot 2>/dev/null && cp "$z/screenshot.png" "$shots/$1.png"; }

t_run "start" 0 vmadm start "$uuid"
wait_for 1000 says 'startup.nsh' || true
t_like "OVMF's shell starts" "$(said | tail -n 20)" 'UEFI Interactive Shell'
sock=$(vmadm info "$uuid" vnc | jq -r .vnc.socket)
t_run "a client sees more than one colour" 0 timeout 600 "$client" "$sock" colours=2
t_run "any key skips the wait for startup.nsh" 0 timeout 600 "$client" "$sock" key=0xff1b
wait_for 1000 says 'Shell>' || true
t_like "at the prompt" "$(said | tail -n 5)" 'Shell>'
picture uefi-shell
t_run "a command is typed" 0 timeout 900 "$client" "$sock" still "type=echo Typed-by-VNC" key=0xff0d changed
wait_for 60 twice || true
t_run "and carried out: it is there twice" 0 twice
picture uefi-typed
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
