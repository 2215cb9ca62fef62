#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: cpus=1 time=180 zones=6G,xfs needs=image
#
# UEFI in a zone: OVMF, GRUB of the Debian image's own, a stock kernel to user space, and variables that the guest sets, which survive its end
# and the next start, until they are reset. Behind the kernel stands an initramfs of ours, since Debian's user space takes minutes in the virtual
# host, which has one CPU here: with two it stood still itself (docs/decisions/0064).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

image=$(jq -r .uuid "$cache/debian-12.json")
t_run "an image" 0 imgadm import -m "$cache/debian-12.json" -f "$cache/debian-12.raw"
jq -n --arg image "$image" '{brand: "bhyve", alias: "uefi", ram: 512, autoboot: false, bootrom: "uefi",
	disks: [{boot: true, model: "virtio", image_uuid: $image}]}' >"$T/vm.json"
t_run "a machine with it" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid
vars=$z/config/uefivars.fd

behind_grub "$z/disk0.raw" efivar:ZhyveTest,efivar:ZhyveTest:kept-by-flash,poweroff
# Names are in UTF-16.
name_in() { # NAME FILE
	grep -qaP "$(sed 's/./&\\x00/g' <<<"$1")" "$2"
}
stopped() { [ "$(cat "$z/lastexited" 2>/dev/null)" != "$before" ] && [ "$(vmadm list -H -o state "uuid=$uuid")" = stopped ]; }
# A guest that stands still (docs/decisions/0039 tells of what QEMU does to guests) asks zhyve for nothing more, however often one looks. It is
# shown, and started again, twice at most: a machine that never boots fails all the same.
silent() {
	local first='' now
	[ $(($(date +%s) - $(stat -c %Y "$z/logs/console.log"))) -ge 45 ] || return 1 # to look is to disturb it
	for _ in 1 2 3 4 5; do
		now=$(vmadm info "$uuid" vcpus 2>/dev/null | jq -c '[.vcpus[] | [.state, .exits]]') || return 1
		: "${first:=$now}"
		[ "$now" = "$first" ] || return 1
		sleep 4
	done
	echo "# DEFECT of the virtual host: the guest stands still: $(vmadm info "$uuid" vcpus | jq -c .vcpus)"
	tail -c 300 "$z/logs/console.log" | tr -d '\r\0' | sed 's/^/#   /'
}
stopped_or_silent() { stopped || { still=$(silent) && ! stopped; }; }
seen=0
boots() { # sets $con: what it says from its start to its end
	local try
	before=$(cat "$z/lastexited" 2>/dev/null || true)
	t_run "start" 0 vmadm start "$uuid"
	for try in 1 2 last; do
		still=
		wait_for 300 stopped_or_silent || true
		[ -n "$still" ] && [ "$try" != last ] || break
		printf '%s\n' "$still" "# started again (retry $try of 2)"
		seen=$(stat -c %s "$z/logs/console.log")
		vmadm reboot "$uuid" -F
	done
	con=$(tail -c +$((seen + 1)) "$z/logs/console.log" | tr -d '\r\0')
	seen=$(stat -c %s "$z/logs/console.log")
}

boots
t_like "OVMF starts what it found on the disk" "$con" 'BdsDxe: starting Boot.*PciRoot\(0x0\)/Pci\(0x4,0x0\)'
t_like "which is GRUB" "$con" 'Booting .Debian GNU/Linux'
t_like "GRUB the kernel, which reaches user space" "$con" 'zhyve-tiny: userland'
t_like "no variable of its own there yet" "$con" 'efivar: ZhyveTest is not there'
t_like "it sets one at run time" "$con" 'efivar: ZhyveTest set'
t_is "and ends by power-off" "$(cut -d' ' -f3 "$z/lastexited")" power-off
t_run "OVMF's own variables are in the zone's store" 0 name_in BootOrder "$vars"
t_run "and the guest's" 0 name_in ZhyveTest "$vars"
t_run "with its value" 0 grep -qa kept-by-flash "$vars"
boots
t_like "which the next start finds" "$con" 'efivar: ZhyveTest is kept-by-flash'
t_run "start with fresh variables" 0 vmadm start "$uuid" efivars=reset
t_run "they are gone" 1 name_in ZhyveTest "$vars"
t_run "stop" 0 vmadm stop "$uuid" -F
t_done
