#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=400 needs=zfs
#
# vmadm receive of what SmartOS's vmadm send writes: a block of 512 bytes and the VM in JSON, then for each dataset a block and zfs send -R.
# The zvols, their snapshots and the dataset around them are real ones, of another zpool that stands for SmartOS's host. Also: a disk with a dataset
# of its own, one that is a clone of an image, streams that are cut or bent, a receive that is killed, a pool of files.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

"$top/tests/host/zfs" --load || { t_skip "SmartOS's stream" "this kernel has no zfs"; t_done; }
mkdir -p /var/lib/zones
mount -t tmpfs -o size=2g pool /var/lib/zones
t_atexit umount -l /var/lib/zones
umount -l /zones

# ---- SmartOS's side ----
uuid=5fb36a1e-3b5c-4d11-9a0e-6d9b1d0c7711
from=other/$uuid
truncate -s 500m "$T/other.img"
zpool create -m none other "$T/other.img"
t_atexit zpool destroy -f other
zvol_write() { # DATASET SEED: 4 MiB at its beginning, and some far behind
	local d
	wait_for 20 zvol_of "$1"
	d=$(zvol_of "$1")
	yes "$2" | head -c 4M | dd of="$d" bs=1M iflag=fullblock status=none conv=fsync
	yes "$2 end" | head -c 64K | dd of="$d" bs=64K seek=120 iflag=fullblock status=none conv=fsync
}
zvol_of() { # the device, where no udev makes names: by asking each for its dataset (BLKZNAME)
	local d
	for d in /dev/zd*; do
		case $d in *p[0-9]*) continue ;; esac
		[ "$(python3 -c 'import fcntl,sys
print(fcntl.ioctl(open(sys.argv[1],"rb"),0x8100127d,bytes(256)).split(b"\0")[0].decode())' "$d" 2>/dev/null)" != "$1" ] || { echo "$d"; return 0; }
	done
	return 1
}
zfs create -o quota=400m -o refreservation=1m -o mountpoint="/nowhere/$uuid" -o canmount=noauto "$from"
zfs create -V 8m -b 8k -o compression=lz4 "$from/disk0"
zfs create -s -V 16m -o sync=disabled "$from/disk1"
zfs create -s -V 8m "other/$uuid-disk2"
zvol_write "$from/disk0" zero
zfs snapshot -r "$from@vmsnap-old"
zvol_write "$from/disk0" zero2
zvol_write "$from/disk1" one
zvol_write "other/$uuid-disk2" two
sum() { sha256sum <"$1" | cut -d' ' -f1; }
want="$(sum "$(zvol_of "$from/disk0")") $(sum "$(zvol_of "$from/disk1")") $(sum "$(zvol_of "other/$uuid-disk2")")"
disk() { # N DATASET MIB MORE
	jq -n --arg z "zones/$2" --argjson s "$3" --argjson n "$1" "{path: \"/dev/zvol/rdsk/\(\$z)\", boot: (\$n == 0), model: \"virtio\", media: \"disk\",
		size: \$s, zfs_filesystem: \$z, zpool: \"zones\", compression: \"lz4\", pci_slot: \"0:4:\(\$n)\"} + ${4:-null}"
}
object() { # as vmadm get has it there: DISKS
	jq -s --arg u $uuid '{zonename: $u, autoboot: false, brand: "bhyve", limit_priv: "default,-file_link_any,-net_access,-proc_fork,-proc_info,-proc_session",
		v: 1, create_timestamp: "2024-05-06T07:08:09.010Z", cpu_shares: 100, max_lwps: 4000, max_msg_ids: 4096, max_sem_ids: 4096, max_shm_ids: 4096,
		max_shm_memory: 1280, zfs_io_priority: 100, max_physical_memory: 1280, max_locked_memory: 1280, max_swap: 1280,
		billing_id: "00000000-0000-0000-0000-000000000000", owner_uuid: "00000000-0000-0000-0000-000000000000",
		com1: "/dev/zconsole", com2: "socket,/tmp/vm.ttyb", ram: 64, vcpus: 1, resolvers: [], alias: "moved", nics: [], uuid: $u, zone_state: "installed",
		zonepath: "/zones/\($u)", hvm: true, zoneid: "-", zonedid: 7, last_modified: "2024-05-06T07:08:09.000Z", firewall_enabled: false,
		server_uuid: "44454c4c-4e00-1050-8050-b9c04f4b5931", platform_buildstamp: "20240506T070809Z", state: "stopped", boot_timestamp: "1970-01-01T00:00:00.000Z",
		customer_metadata: {k: "v"}, internal_metadata: {}, tags: {t: "x"}, routes: {}, quota: 10, zfs_root_recsize: 131072, zfs_filesystem: "zones/\($u)",
		zpool: "zones", snapshots: [{name: "old", created_at: "2024-05-06T08:00:00.000Z"}], disks: .}'
}
header() { # NAME SIZE PADDED
	printf 'MAGIC-VMBUNDLE\0001\0CHECKSUM\0%s\0%s\0%s\0' "$1" "$2" "$3" | dd bs=512 conv=sync status=none
}
bundle() { # FILE DATASET...: of $T/vm.json
	local file=$1 size padded d
	shift
	size=$(stat -c %s "$T/vm.json") padded=$(((size + 511) / 512 * 512))
	{ header JSON "$size" "$padded"; dd if="$T/vm.json" bs=512 conv=sync status=none; } >"$file"
	for d; do
		zfs snapshot -r "$d@sending"
		{ header "zones/${d#other/}" 0 0; zfs send -R "$d@sending"; } >>"$file"
		zfs destroy -r "$d@sending"
	done
}
{ disk 0 "$uuid/disk0" 8 '{block_size: 8192, refreservation: 8}'; disk 1 "$uuid/disk1" 16; disk 2 "$uuid-disk2" 8; } | object >"$T/vm.json"
bundle "$T/stream" "$from" "other/$uuid-disk2"

# ---- here ----
receive() { vmadm receive <"$1"; }
nothing() { # WHAT
	t_is "$1: nothing is left" "$(vmadm list -H; zfs list -H -o name -r zones; find /zones -mindepth 1 -maxdepth 1 ! -name images -printf "%f\n")" zones
}
t_run "a pool of files" 0 imgadm pool create -s 600m
t_run "a pool of files: refused" 1 receive "$T/stream"
t_like "a pool of files: it says where it goes" "$t_err" 'pool of zfs.*send it from there'
t_is "a pool of files: nothing is left" "$(vmadm list -H)" ""
imgadm pool delete
t_run "a pool of zfs" 0 imgadm pool create -d zfs -s 600m
t_run "it is received" 0 receive "$T/stream"
t_like "it says that the snapshot does not come" "$t_err" '1 snapshots do not come'
get() { vmadm get "$uuid" | jq -r "$1"; }
mapfile -t paths < <(get '.disks[].path')
t_is "its disks are called as volumes are here" "${paths[*]}" "/dev/zvol/zones/$uuid/disk0 /dev/zvol/zones/$uuid/disk1 /dev/zvol/zones/$uuid/disk2"
t_is "all that was on them is there" "$(sum "${paths[0]}") $(sum "${paths[1]}") $(sum "${paths[2]}")" "$want"
t_is "nothing else came" "$(zfs list -H -o name -t all -r zones | paste -sd' ')" "zones zones/$uuid zones/$uuid/disk0 zones/$uuid/disk1 zones/$uuid/disk2"
t_is "compression and reservation are the VM's, flushes are kept" \
	"$(zfs get -H -p -o value compression,refreservation,sync "zones/$uuid/disk0" | paste -sd' ') $(zfs get -H -o value sync "zones/$uuid/disk1")" \
	"lz4 $((8 << 20)) standard standard"
t_is "the VM is what it was" "$(get '[.alias, .state, .create_timestamp, .customer_metadata.k, .tags.t, .ram, (.disks[0].boot | tostring), .disks[1].pci_slot] | map(tostring) | join(" ")')" \
	"moved stopped 2024-05-06T07:08:09.010Z v x 64 true 0:4:1"
t_run "a snapshot of it" 0 vmadm create-snapshot "$uuid" now
t_run "another of that UUID is refused" 1 receive "$T/stream"
t_like "it says so" "$t_err" "UUID $uuid already exists"
t_is "and the first is untouched" "$(sum "${paths[0]}")" "${want%% *}"
t_run "our own stream of it" 0 sh -c "vmadm send $uuid >$T/ours"
t_run "it is deleted" 0 vmadm delete "$uuid"
nothing "deleted"
t_run "our own stream is taken as ever" 0 receive "$T/ours"
t_is "with the same content" "$(sum "${paths[1]}")" "$(cut -d' ' -f2 <<<"$want")"
vmadm delete "$uuid" 2>/dev/null

# ---- what is not whole ----
all=$(stat -c %s "$T/stream")
second=$(LC_ALL=C grep -abo MAGIC-VMBUNDLE "$T/stream" | cut -d: -f1 | sed -n 2p)
third=$(LC_ALL=C grep -abo MAGIC-VMBUNDLE "$T/stream" | cut -d: -f1 | sed -n 3p)
for cut in 5 1000 "$second" $((second + 5000)) $((third - 400)) "$third" $((all - 700)); do
	head -c "$cut" "$T/stream" >"$T/cut"
	t_run "cut after $cut of $all bytes: refused" 1 receive "$T/cut"
	nothing "cut after $cut"
done
cp "$T/stream" "$T/bent"
printf bent | dd of="$T/bent" bs=1 seek=$((second + 30000)) conv=notrunc status=none
t_run "bent in the middle of a dataset: refused" 1 receive "$T/bent"
t_like "in zfs's words" "$t_err" "dataset 'zones/$uuid': .*(checksum|invalid|corrupt)"
nothing "bent"
jq '.disks[1].size = 900' "$T/vm.json" >"$T/vm2.json" && mv "$T/vm2.json" "$T/vm.json"
bundle "$T/larger" "$from" "other/$uuid-disk2"
t_run "a disk that is smaller than said: refused" 1 receive "$T/larger"
t_like "it names the disk" "$t_err" "volume 'zones/$uuid/disk1' has 16 MiB, .* 900"
nothing "smaller"

# ---- interrupted, and killed, while the sender is there but sends nothing ----
for sig in TERM KILL; do
	mkfifo "$T/slow"
	{
		head -c $((third - 400)) "$T/stream"
		exec sleep 300
	} >"$T/slow" &
	writer=$!
	vmadm receive <"$T/slow" 2>"$T/err" &
	pid=$!
	wait_for 60 zfs list "zones/$uuid/disk0:coming/disk0" || t_fail "$sig: it is under way"
	t_is "$sig: meanwhile it is receiving" "$(vmadm list -H -o state uuid=$uuid)" receiving
	kill -$sig $pid
	wait $pid 2>/dev/null || :
	[ $sig = KILL ] || t_like "$sig: it says so" "$(cat "$T/err")" 'interrupted by signal 15'
	kill $writer 2>/dev/null || : # it may have seen that nobody reads
	wait $writer 2>/dev/null || :
	rm "$T/slow"
	if [ $sig = KILL ]; then # its zfs(8) ends with the sender
		wait_for 60 vmadm delete $uuid || t_fail "killed: it can be deleted"
	fi
	nothing $sig
done

# ---- a clone of an image that is not here ----
zfs create -s -V 8m other/image && zfs snapshot other/image@final
zfs clone other/image@final "other/$uuid-disk3"
disk 0 "$uuid-disk3" 8 | object >"$T/vm.json"
bundle "$T/clone" "other/$uuid-disk3"
t_run "a clone of an image: refused without it" 1 receive "$T/clone"
t_like "it says how the image comes" "$t_err" 'zfs receive zones/ANYNAME'
nothing "without its image"
zfs send other/image@final | zfs receive -u zones/anyname
t_run "with it: received" 0 receive "$T/clone"
t_is "as a clone of it" "$(zfs get -H -o value origin "zones/$uuid/disk0")" zones/anyname@final
t_run "which is deleted" 0 vmadm delete "$uuid"
t_done
