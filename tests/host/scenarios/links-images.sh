#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=60 kernel=any
#
# nictagadm and imgadm on a whole system: bridges with and without a port, a host that takes part in a network, ports that are
# refused; imports of both formats, hostile qcow2 files, a full pool, an import that is killed.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

links_before=$(ip -br link | awk '{ print $1 }' | sort)

# --- nic tags ---
t_run "an etherstub with an address" 0 nictagadm add -l -p ip=10.99.0.1/24 stub9
t_like "its bridge is up and has the address" "$(ip -br addr show zbr-stub9)" 'UP|UNKNOWN|DOWN.*10\.99\.0\.1/24'
t_like "the bridge neither learns trees nor snoops" "$(ip -d link show zbr-stub9)" 'forward_delay 0 .*stp_state 0 .*mcast_snooping 0'
t_run "the host answers for it" 0 ping -c 1 -W 2 10.99.0.1
t_like "its list" "$(nictagadm list)" '^stub9 +- +- +etherstub$'

# A pair of Ethernet interfaces stands for the host's port and what it is plugged into.
ip link add port9 type veth peer name wire9
t_atexit ip link del port9
ip link set wire9 up
ip addr add 192.0.2.9/24 dev port9
ip link set port9 up
t_run "a port with addresses is refused" 1 nictagadm add ext9 port9
t_like "and it says why" "$t_err" 'port9.*carries addresses of this host.*-f'
t_run "no bridge is left of it" 1 ip link show zbr-ext9
ip addr flush dev port9
t_run "without them it is taken" 0 nictagadm add -p mtu=2000 ext9 port9
t_like "the port is on the bridge, with its MTU" "$(ip link show port9)" 'mtu 2000 .*master zbr-ext9'
t_like "its list" "$(nictagadm list -p)" '^ext9:[0-9a-f]{2}\\:.*:port9:normal$'
t_run "a port cannot have two tags" 1 nictagadm add ext8 port9

t_run "another MTU" 0 nictagadm update -p mtu=3000 ext9
t_is "the port and the bridge have it" "$(cat /sys/class/net/port9/mtu /sys/class/net/zbr-ext9/mtu | tr '\n' ' ')" "3000 3000 "
ip link add port7 type veth peer name wire7
t_atexit ip link del port7
ip link set wire7 up
t_run "another port" 0 nictagadm update ext9 port7
t_like "it is on the bridge" "$(ip link show port7)" 'master zbr-ext9'
t_is "the old one is not" "$(ip link show port9 | grep -c master || true)" 0
t_run "a port that does not exist is refused" 1 nictagadm update ext9 nosuch9
t_like "and the tag stays as it was" "$(nictagadm list -p)" '^ext9:[0-9a-f]{2}\\:.*:port7:normal$'

# As after a boot of the host: what is missing is made again by the next vnic; here by adding it anew.
t_run "delete" 0 nictagadm delete ext9
t_run "the port stays" 0 ip link show port9
t_run "delete of the etherstub" 0 nictagadm delete stub9
t_run "no bridge is left" 1 ip link show zbr-stub9

# --- images ---
uuid=3c0f7f5e-5a43-4a0e-9d2c-0e5d6c0a0001
manifest() { # more members
	echo "{\"v\":2,\"uuid\":\"$uuid\",\"name\":\"t\",\"version\":\"1\",\"os\":\"linux\",\"type\":\"zvol\",\"image_size\":64$1}" >"$T/m.json"
}
store() { find /zones/images -type f 2>/dev/null | wc -l; }
truncate -s 64M "$T/raw"
dd if=/dev/urandom of="$T/raw" bs=1M seek=8 count=4 conv=notrunc status=none
qemu-img convert -f raw -O qcow2 "$T/raw" "$T/good.qcow2"

manifest ",\"files\":[{\"sha1\":\"$(sha1sum <"$T/raw" | cut -d' ' -f1)\",\"size\":67108864}]"
t_run "raw is imported, its sha1 checked" 0 imgadm import -m "$T/m.json" -f "$T/raw"
t_run "the content is the same" 0 cmp "$T/raw" "/zones/images/$uuid.raw"
t_is "and as sparse" "$(($(stat -c %b "/zones/images/$uuid.raw") / 2048 < 8))" 1
t_run "delete" 0 imgadm delete $uuid
t_run "the wrong file is refused" 1 imgadm import -m "$T/m.json" -f "$T/good.qcow2"
manifest ''
t_run "qcow2 is imported" 0 imgadm import -m "$T/m.json" -f "$T/good.qcow2"
t_run "the content is the same" 0 cmp "$T/raw" "/zones/images/$uuid.raw"
t_is "it belongs to root alone" "$(stat -c '%U %a' "/zones/images/$uuid.raw")" 'root 600'
imgadm delete $uuid >/dev/null

cp /etc/shadow "$T/secret"
truncate -s 64M "$T/secret"
qemu-img create -q -f qcow2 -b "$T/secret" -F raw "$T/backed.qcow2"
qemu-img create -q -f qcow2 -o "data_file=$T/data,data_file_raw=on" "$T/datafile.qcow2" 64M
for f in backed datafile; do
	t_run "a $f qcow2 is refused" 1 imgadm import -m "$T/m.json" -f "$T/$f.qcow2"
	t_like "and it says why" "$t_err" 'backing file|external data file'
done
printf '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 131072 FLAT "%s" 0\n' \
	"$T/secret" >"$T/named.vmdk"
t_run "a vmdk that names a file of the host is refused" 1 imgadm import -m "$T/m.json" -f "$T/named.vmdk"
t_like "and it says why" "$t_err" 'names other files'
cp "$T/good.qcow2" "$T/broken.qcow2"
dd if=/dev/zero of="$T/broken.qcow2" bs=1 seek=40 count=8 conv=notrunc status=none # the place of the L1 table
printf '\377' | dd of="$T/broken.qcow2" bs=1 seek=40 conv=notrunc status=none
t_run "a broken qcow2 is refused" 1 imgadm import -m "$T/m.json" -f "$T/broken.qcow2"
t_like "in qemu-img's words" "$t_err" 'cannot convert qcow2: qemu-img: '
t_is "nothing is left in the store" "$(store)" 0

mount -t tmpfs -o size=2m full /zones/images
t_run "no space for raw" 1 imgadm import -m "$T/m.json" -f "$T/raw"
t_like "and it says so" "$t_err" 'no space.*MiB are free'
t_is "nothing is left in the full store" "$(store)" 0
umount /zones/images
mount -t tmpfs -o size=5m full /zones/images # the qcow2 fits, the disk does not
t_run "no space for the converted disk" 1 imgadm import -m "$T/m.json" -f "$T/good.qcow2"
t_is "nothing is left in the full store" "$(store)" 0
umount /zones/images

for wait in 0.01 0.03 0.1; do
	imgadm import -m "$T/m.json" -f "$T/good.qcow2" >/dev/null 2>&1 &
	sleep $wait
	kill -9 $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	[ -z "$(imgadm list -H)" ] || imgadm delete $uuid >/dev/null
done
t_run "an import after killed ones" 0 imgadm import -m "$T/m.json" -f "$T/good.qcow2"
t_is "nothing else is in the store" "$(store)" 2
t_run "the content is the same" 0 cmp "$T/raw" "/zones/images/$uuid.raw"
t_run "delete" 0 imgadm delete $uuid
t_is "nothing is left in the store" "$(store)" 0

ip link del port9
ip link del port7
t_is "the links are as before" "$(ip -br link | awk '{ print $1 }' | sort)" "$links_before"
t_done
