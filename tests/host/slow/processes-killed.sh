#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=600 zones=6G,xfs needs=image
#
# The processes of a stock Debian guest's devices killed under load, as nobody asked for: those of its disks while fio writes a disk at random,
# 32 requests at once, and then verifies every block; that of its nic while iperf3 sends four streams and receives one, and while a file goes
# each way, whose checksums must be right: each on the same connection. The guest notices pauses, and goes on.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

host_ip=10.77.0.1 guest_ip=10.77.0.10
image=$(jq -r .uuid "$cache/debian-12.json")
in_guest() {
	ssh -q -i "$T/key" -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=30 -o ServerAliveCountMax=6 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "root@$guest_ip" "$@"
}
t_run "an image" 0 imgadm import -m "$cache/debian-12.json" -f "$cache/debian-12.raw"
t_run "a nic tag" 0 nictagadm add -l -p "ip=$host_ip/24" killed0
t_atexit nictagadm delete -f killed0
ssh-keygen -q -t ed25519 -N '' -C test -f "$T/key"
jq -n --arg image "$image" --arg key "$(cat "$T/key.pub")" '{brand: "bhyve", alias: "guest", hostname: "killed", ram: 1024, autoboot: true,
	disks: [{boot: true, model: "virtio", image_uuid: $image}, {model: "virtio", size: 64}],
	nics: [{nic_tag: "killed0", model: "virtio", ips: ["10.77.0.10/24"], gateways: ["10.77.0.1"]}],
	customer_metadata: {root_authorized_keys: $key}}' >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
log=/zones/$uuid/logs cg=$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | sort | head -n 1)/zhyve/$uuid
t_run "the guest is up" 0 wait_for 500 in_guest true
in_guest true || { tail -c 600 "$log/console.log" | tr -d '\0\r' | sed 's/^/# /'; t_done; }

# Debian's fio and iperf3, with what they are linked with.
mkdir "$T/load"
cp -L "$(command -v fio)" "$(command -v iperf3)" "$T/load/"
for program in fio iperf3; do
	ldd "$T/load/$program" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }'
done | sort -u | xargs cp -L -t "$T/load"
tar -C "$T" -cf - load | in_guest tar -C /root -xf -
load() { # SECONDS PROGRAM ARGUMENT...: one of them in the guest
	in_guest timeout "$1" /root/load/ld-linux-x86-64.so.2 --library-path /root/load "/root/load/$2" "${@:3}"
}

pids() { for p in $(cat "$cg/cgroup.procs"); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" != "$1" ] || echo "$p"; done; }
events() { jq -r .event "$log/events.jsonl" | grep -c "^$1\$" || true; }
# kill_all NAME HOW-MANY UNTIL: each process of that name is killed again and again, as soon as it is there, so often or until the file is there.
kill_all() {
	local n=0 p
	while [ $n -lt "$2" ] && [ ! -e "$3" ]; do
		sleep 1
		for p in $(pids "$1"); do kill -9 "$p" 2>/dev/null && n=$((n + 1)) || true; done
	done
	echo $n >"$3.kills"
}

kill_all zhyve-blk 24 "$T/disk" &
killer=$!
t_run "fio writes and verifies with its disk's process killed" 0 load 400 fio --name=v --filename=/dev/vdb --rw=randwrite --bs=4k --size=24m --iodepth=32 --ioengine=libaio --direct=1 \
	--verify=crc32c --verify_fatal=1 --do_verify=1
printf '%s\n' "$t_out" | grep -a 'IOPS\|err=' | sed 's/^/# /' || true
touch "$T/disk"
wait $killer
t_is "processes of disks were killed meanwhile" "$([ "$(cat "$T/disk.kills")" -ge 2 ] && echo yes || cat "$T/disk.kills")" yes
echo "# $(cat "$T/disk.kills") times; lost $(events disk-lost), back $(events disk-back)"
t_is "the guest's kernel saw no error" "$(in_guest "dmesg | grep -ci 'i/o error\|blocked for more'" || true)" 0

head -c 6000000 /dev/urandom >"$T/stream"
sum=$(sha256sum <"$T/stream")
iperf3 -s -B "$host_ip" >"$T/iperf3.log" 2>&1 &
server=$!
t_atexit kill $server
kill_all zhyve-net 16 "$T/nic" & # of a row of 40 after which it would be given up
killer=$!
t_run "iperf3 sends four streams, its nic's process killed" 0 load 200 iperf3 -c "$host_ip" -t 15 -P 4 -f m
printf '%s\n' "$t_out" | grep SUM | tail -n 2 | sed 's/^/# /' || true
t_run "and receives one" 0 load 200 iperf3 -c "$host_ip" -t 15 -R -f m
printf '%s\n' "$t_out" | grep 'sender\|receiver' | sed 's/^/# /' || true
touch "$T/nic"
wait $killer
t_is "the nic's process was killed meanwhile" "$([ "$(cat "$T/nic.kills")" -ge 2 ] && echo yes || cat "$T/nic.kills")" yes
kill_all zhyve-net 8 "$T/files" &
killer=$!
t_is "a file to the guest, its nic's process killed" "$(in_guest sha256sum <"$T/stream")" "$sum"
in_guest "cat >/root/stream" <"$T/stream"
t_is "and one from it" "$(in_guest cat /root/stream | sha256sum)" "$sum"
touch "$T/files"
wait $killer
t_is "it was killed meanwhile" "$([ "$(cat "$T/files.kills")" -ge 1 ] && echo yes || cat "$T/files.kills")" yes
echo "# $(cat "$T/nic.kills") and $(cat "$T/files.kills") times; lost $(events nic-lost), back $(events nic-back)"
# Killed so often it waits 3.2 seconds before it is started again; after 10 seconds of life that is forgotten.
sleep 12
back=$(events nic-back)
kill -9 "$(pids zhyve-net)"
is_back() { [ "$(events nic-back)" -gt "$back" ]; }
wait_for 30 is_back || true
waited=$(jq -s 'map(select(.event == "nic-lost" or .event == "nic-back")) | (.[-1].mono_ns - .[-2].mono_ns) / 1000000 | floor' "$log/events.jsonl")
t_is "one that has lived for long is started again soon" "$([ "$waited" -lt 2500 ] && echo yes || echo "$waited ms")" yes
t_is "none was given up" "$(events disk-failed) $(events nic-failed)" "0 0"
t_run "the guest runs on, and powers off by itself" 0 vmadm stop "$uuid" -t 180
t_done
