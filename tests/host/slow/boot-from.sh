#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=300 zones=6G,xfs needs=image
#
# A zone boots the Debian image by its own GRUB, with a boot ROM, from a disk of some model, with some number of vCPUs, to the user space of
# the tests' initramfs behind that kernel. By hand, in the virtual host (a minute or two each):
#
#   tests/host/run --zones 6G,xfs -t 300 -- bash tests/host/slow/boot-from.sh ROM MODEL VCPUS
#
# ROM is uefi or bios, MODEL virtio, nvme or ahci.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

rom=${1:-uefi} model=${2:-nvme} vcpus=${3:-2}
image=$(jq -r .uuid "$cache/debian-12.json")
t_run "an image" 0 imgadm import -m "$cache/debian-12.json" -f "$cache/debian-12.raw"
jq -n --arg image "$image" --arg rom "$rom" --arg model "$model" --argjson vcpus "$vcpus" '{brand: "bhyve", alias: "boots", ram: 512,
	vcpus: $vcpus, autoboot: false, bootrom: $rom, disks: [{boot: true, model: $model, image_uuid: $image}]}' >"$T/vm.json"
t_run "a machine of $vcpus vCPUs with it" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid
behind_grub "$z/disk0.raw" cpus,pci,poweroff
stopped() { [ "$(vmadm list -H -o state "uuid=$uuid")" = stopped ]; }
t_run "start" 0 vmadm start "$uuid"
wait_for 1000 stopped || true
con=$(tr -d '\r\0' <"$z/logs/console.log" | sed 's/\x1b\[[0-9;=?]*[A-Za-z]//g')
t_like "$rom starts GRUB from $model" "$con" 'Booting .Debian GNU/Linux'
t_like "and that the kernel, with all vCPUs" "$con" "zhyve-tiny: cpus: $vcpus\$"
t_is "the end is a power-off" "$(cut -d' ' -f3 "$z/lastexited")" power-off
grep -E 'BdsDxe|zhyve-tiny' <<<"$con" | sed 's/^/# /' || true
t_is "zhyve has nothing to say" "$(cat "$z/logs/platform.log")" ""
t_done
