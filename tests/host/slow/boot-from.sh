#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: mode=icount time=900 zones=6G,xfs needs=image
#
# A zone boots the Debian image by its own GRUB, with a boot ROM, from a disk of some model, with some number of vCPUs, to the user space of
# the tests' initramfs behind that kernel. By hand, in the virtual host (the ROM uefi with run's --icount; a minute or two each):
#
#   tests/host/run [--icount] --zones 6G,xfs -t 900 -- bash tests/host/slow/boot-from.sh [ROM,MODEL,VCPUS ...]
#
# ROM is uefi or bios, MODEL virtio, nvme or ahci. Without arguments, what the scenario uefi leaves: UEFI from the other models, and with two vCPUs.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

image=$(jq -r .uuid "$cache/debian-12.json")
t_run "an image" 0 imgadm import -m "$cache/debian-12.json" -f "$cache/debian-12.raw"
[ $# -gt 0 ] || set -- uefi,nvme,1 uefi,ahci,1 uefi,virtio,2
for way; do
	IFS=, read -r rom model vcpus <<<"$way"
	jq -n --arg image "$image" --arg rom "$rom" --arg model "$model" --argjson vcpus "$vcpus" '{brand: "bhyve", alias: "boots", ram: 512,
		vcpus: $vcpus, autoboot: false, bootrom: $rom, disks: [{boot: true, model: $model, image_uuid: $image}]}' >"$T/vm.json"
	t_run "a machine of $vcpus vCPUs with it" 0 vmadm create -f "$T/vm.json"
	uuid=${t_err##* }
	z=/zones/$uuid
	behind_grub "$z/disk0.raw" cpus,pci,poweroff
	to_its_end "$uuid"
	con=$(sed 's/\x1b\[[0-9;=?]*[A-Za-z]//g' <<<"$con")
	t_like "$rom starts GRUB from $model" "$con" 'Booting .Debian GNU/Linux'
	t_like "and that the kernel, with all vCPUs" "$con" "zhyve-tiny: cpus: $vcpus\$"
	t_is "the end is a power-off" "$(cut -d' ' -f3 "$z/lastexited" 2>/dev/null)" power-off
	grep -E 'BdsDxe|zhyve-tiny' <<<"$con" | sed 's/^/# /' || true
	t_is "zhyve has nothing to say" "$(cat "$z/logs/platform.log")" ""
	t_run "away with it" 0 vmadm delete "$uuid"
done
t_done
