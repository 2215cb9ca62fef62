#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=600 zones=6G,xfs needs=image
#
# What imgadm build debian-12 makes boots: it is imported, a machine is made of it that has no boot ROM, so that the kernel which the manifest names
# is started, and its console comes to the login prompt. Nothing is built here, where there is no way out: the image is that of IMAGE=FOLDER
# (imgadm-build.sh, by hand, hands over what it has built), else that of the cache, which tools/mkimage has made, the program of imgadm build.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

made=${IMAGE:-$cache}
t_run "imgadm build finds it made, and imports it" 0 imgadm build -d "$made" debian-12
image=$(jq -r .uuid "$made/debian-12.json")
t_is "as that image" "${t_out%@*}" "Imported image $image (debian-12"
t_run "a network" 0 nictagadm add -l -p ip=10.88.0.1/24 built0
t_atexit nictagadm delete -f built0
ssh-keygen -q -t ed25519 -N '' -f "$T/key"
jq --arg image "$image" --arg key "$(cat "$T/key.pub")" '.disks[0].image_uuid = $image | .nics[0].nic_tag = "built0" | .hostname = "built"
	| .customer_metadata.root_authorized_keys = $key' "$top/examples/debian-12.json" >"$T/vm.json"
t_run "a machine of it" 0 vmadm create -f "$T/vm.json" # which has autoboot, and so starts
uuid=$(sed -n 's/^Successfully created VM //p' <<<"$t_err")
t_atexit vmadm delete "$uuid"
log=/zones/$uuid/logs/console.log
state() { vmadm list -H -o state "uuid=$uuid"; }
quiet_for() { [ $(($(date +%s) - $(stat -c %Y "$log"))) -ge "$1" ]; } # SECONDS since the last byte on the console
prompt() { grep -aq 'login: ' "$log"; } # without the name in front: systemd's messages may come between the two
prompt_or_end() { prompt || [ "$(state)" = stopped ] || { quiet_for 45 && stuck=$("$top/tests/host/stuck" "$uuid"); }; }
for try in 1 2 last; do # as make demo: the virtual host's known defect is no fault of the image
	stuck=
	wait_for 1000 prompt_or_end || true
	[ -n "$stuck" ] || break
	echo "# DEFECT of the virtual host: $stuck"
	[ "$try" = last ] || vmadm reboot "$uuid" -F
done
console() { tr -d '\r\0' <"$log" | sed 's/\x1b\[[0-9;=?]*[A-Za-z]//g'; }
t_run "its console comes to the login prompt" 0 prompt
echo "# $SECONDS s"
t_like "of Debian 12, with the name that cloud-init gave it" "$(console)" 'Debian GNU/Linux 12 built '
t_is "it runs" "$(state)" running
[ $t_failed -eq 0 ] || { console; cat "/zones/$uuid/logs/platform.log"; } | tail -n 30 | sed 's/^/# /'
t_run "it is stopped" 0 vmadm stop "$uuid" -F
t_done
