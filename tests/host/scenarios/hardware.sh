#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=150 needs=generic
#
# Devices for guests without virtio under a stock kernel: two AHCI disks (one by io_uring, one by threads), a CD, a drive without a
# disc, and an e1000 nic. Debian's generic kernel has the drivers; its cloud kernel has not. One boot of a tiny guest.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

zones=/zones
truncate -s 12M $zones/a.raw
truncate -s 8M "$T/b.raw"
t_atexit rm -f $zones/a.raw
head -c 2000000 /dev/urandom >"$T/cd.iso"
truncate -s 2000896 "$T/cd.iso" # whole sectors of 2048 bytes
cd_sum=$(sha256sum <"$T/cd.iso" | cut -d' ' -f1)

ip tuntap add dev zht0 mode tap vnet_hdr
t_atexit ip link del zht0
ip addr add 10.78.0.1/24 dev zht0
ip link set zht0 up
# Port 7001 sends 8 MiB, port 7002 takes what comes.
head -c 8388608 /dev/urandom >"$T/net"
socat -u "OPEN:$T/net" TCP-LISTEN:7001,bind=10.78.0.1,reuseaddr &
t_atexit kill $!
socat -u TCP-LISTEN:7002,bind=10.78.0.1,reuseaddr "CREATE:$T/got" &
t_atexit kill $!

words=cdrom:sr0,blkfill:7:sda,blkfill:7:sdb,blkwrite:END-OF-TEST:sda,trim:sdb,blk:sda,blk:sdb
words=$words,ip:10.78.0.2/24:eth0,ping:10.78.0.1,netsum:10.78.0.1:7001,netsend:10.78.0.1:7002:4
t_run "a guest with AHCI and e1000 runs to its power-off" 1 timeout 200 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio \
	-s "3,ahci,hd:$zones/a.raw,nocache,ser=AHCI-A,sectorsize=512/4096,hd:$T/b.raw,uring=false,nmrr=1,cd:$T/cd.iso,cd:" \
	-s 4,e1000,zht0,mac=02:08:20:00:00:20 -l "kernel,$cache/vmlinux-generic,initrd=$cache/tiny-generic.cpio" \
	-o boot.cmdline="$quick tiny.run=$words,poweroff" hardware
out=$(tr -d '\r' <<<"$t_out")

said() { # WORD REGEX: the line that the guest printed for it
	grep -E "zhyve-tiny: $1: $2" <<<"$out" | tail -n 1
}
# Linux names disks in the order in which it gets to them: their sizes tell which is which.
file_of() { # DEVICE
	case $(said blk "$1 size=") in
	*size=12582912*) echo $zones/a.raw ;;
	*size=8388608*) echo "$T/b.raw" ;;
	*) echo /dev/null ;;
	esac
}
sda=$(file_of sda) sdb=$(file_of sdb)
t_is "both disks are there" "$(printf '%s\n' "$sda" "$sdb" | sort)" "$(printf '%s\n' $zones/a.raw "$T/b.raw" | sort)"
t_is "both keep what is written" "$(grep -c "blkfill: 7 MiB ok" <<<"$out")" 2
t_is "sda: the guest reads what is in its file" "$(said blk 'sda ' | sed 's/.*sha256=//')" "$(sha256sum <"$sda" | cut -d' ' -f1)"
t_is "sdb: the guest reads what is in its file" "$(said blk 'sdb ' | sed 's/.*sha256=//')" "$(sha256sum <"$sdb" | cut -d' ' -f1)"
t_is "the last write before the end is on the disk" "$(head -c 11 "$sda" | tr -d '\0')" END-OF-TEST
t_like "a whole disk is discarded" "$out" "trim: ok"
t_is "and its file takes no room" "$(stat -c %b "$sdb")" 0
t_like "the CD reads as its file" "$(said cdrom '')" "sr0 size=2000896 sha256=$cd_sum"
t_like "the nic has its address" "$out" "ip: 10.78.0.2/24 02:08:20:00:00:20"
t_like "the host answers" "$out" "ping: 10.78.0.1 answers"
t_is "8 MiB arrive in the guest unharmed" "$(said netsum '' | sed 's/.*: //')" "$(sha256sum <"$T/net" | cut -d' ' -f1)"
t_is "4 MiB arrive on the host unharmed" "$(sha256sum <"$T/got" | cut -d' ' -f1)" "$(said netsend '' | sed 's/.*: //')"
t_done
