#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=300 kernel=any
#
# Power cuts (see power-cuts.sh) under a Linux guest with ext4 on its disk, which writes files, flushes and says so: after each cut its file
# system is whole when its journal has been replayed, and has every file that it was told was on stable storage. CUTS=N: so many (100).
#
# The guest runs once, in the virtual host, where everything is slow; what happened to the disk is a log, and all cuts are made of that one,
# where the scenario itself runs.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
cuts=${CUTS:-100}
files=40

# ---- in the virtual host: the log and the VM's name, in FOLDER ----

record() { # FOLDER
	# shellcheck source=tests/host/cutdisk.sh
	. "$top/tests/host/cutdisk.sh"
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
	t_run "the guest writes $files files" 0 wait_for 200 done_
	unfollow
	pkill -9 -x zoneadmd
	zoneadm list >/dev/null
	end_disk
	echo "$uuid $made" >"$T/made"
	cp --sparse=always "$T/linux.log" "$T/made" "$1"
	t_done
}
if [ "${1:-}" = --record ]; then
	record "$2"
	exit
fi

# ---- the cuts ----

# What each file has to have, said once: a process for each file and cut would be the dearest of all.
for n in $(seq $files); do
	yes "$n" | head -c 65536 | md5sum | sed "s/-/file$n/"
done >"$T/sums"
mkdir -p "$T/guest"
after() { # made | flushed N
	local n=0 whole=0
	sane || return
	[ "$1" = made ] || n=$((16#$2))
	mount -o loop "$z/disk0.raw" "$T/guest" || return
	[ $n -eq 0 ] || (cd "$T/guest" && head -n $n "$T/sums" | md5sum --quiet -c) || whole=1
	umount "$T/guest"
	e2fsck -fn "$z/disk0.raw" >"$T/fsck" 2>&1 || { tail -n 5 "$T/fsck"; return 1; }
	return $whole
}
shared=$(mktemp -d "$top/build/power-cuts.XXXXXX") # this folder is the same one in the virtual host
t_atexit "rm -rf $shared"
host=("$top/tests/host/run" -t 280 --retry 1 --)
[ "$(findmnt -n -o FSTYPE -T "$top")" != virtiofs ] || host=(unshare --mount) # we are in it
t_run "a guest's run is recorded" 0 "${host[@]}" bash "$0" --record "$shared"
[ -s "$shared/made" ] || { t_fail "there is a log" "$t_out" "$t_err"; t_done; }
# shellcheck source=tests/host/cutdisk.sh
. "$top/tests/host/cutdisk.sh"
read -r uuid made <"$shared/made"
z=/zones/$uuid
ln -s "$shared/linux.log" "$T/linux.log"
every linux after
t_done
