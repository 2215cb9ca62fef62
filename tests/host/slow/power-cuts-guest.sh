#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=200
#
# Power cuts (see power-cuts.sh) under a Linux guest with ext4 on its disk, which writes files, flushes and says so: after each cut its file
# system is whole when its journal has been replayed, and has every file that it was told was on stable storage. CUTS=N: so many (20).
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
cuts=${CUTS:-20}
# shellcheck source=tests/host/cutdisk.sh
. "$(dirname "$0")/../cutdisk.sh"

files=40
tiny_with "$T/initrd" "virtio_pci virtio_blk ext4" <<SH
mkdir -p /mnt
mount -t ext4 /dev/vda /mnt || echo "guest: no file system"
n=0
while [ \$n -lt $files ]; do
	n=\$((n + 1))
	yes \$n | head -c 65536 >/mnt/new && sync && mv /mnt/new /mnt/file\$n && sync && echo "flushed \$(printf %x \$n)"
done
echo "guest: done"
sleep 1000
SH
content() { yes "$1" | head -c 65536; }
after() { # made | flushed N
	local i=0 n=0
	sane || return
	[ "$1" = made ] || n=$((16#$2))
	mkdir -p "$T/guest"
	mount -o loop "$z/disk0.raw" "$T/guest" || return
	while [ $i -lt $n ]; do
		i=$((i + 1))
		content $i | cmp - "$T/guest/file$i" || break
	done
	umount "$T/guest"
	[ $i -eq $n ] && e2fsck -fn "$z/disk0.raw" >"$T/fsck" 2>&1 || { tail -n 5 "$T/fsck"; return 1; }
}
new_disk linux
jq -n '{brand: "bhyve", alias: "linux", ram: 256, autoboot: false, disks: [{boot: true, model: "virtio", size: 32}]}' >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* } z=/zones/${t_err##* }
t_run "its kernel" 0 zonecfg -u "$uuid" "add attr; set name=kernel; set type=string; set value=$cache/vmlinux; end;
	add attr; set name=initrd; set type=string; set value=$T/initrd; end;
	add attr; set name=bootargs; set type=string; set value=\"$quick\"; end; commit"
mkfs.ext4 -q "$z/disk0.raw"
sync
made=$("$cutdisk" count "$T/linux.log")
t_run "start" 0 vmadm start "$uuid"
follow "$z/logs/console.log"
done_() { grep -q 'guest: done' "$z/logs/console.log"; }
t_run "the guest writes $files files" 0 wait_for 100 done_
unfollow
pkill -9 -x zoneadmd
zoneadm list >/dev/null
end_disk
every linux after
t_done
