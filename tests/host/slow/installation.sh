#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian installed into a zone by its network installer, to the end, as README's "An installer" says it but for the network (an etherstub, NAT by nft,
# a fixed address): the machine, the installer's kernel and initrd with examples/preseed.cfg in it, the answers' power-off; then the disk by its own GRUB to
# login:, and a log-in on the serial console. By hand:
#
#   tests/host/run --net --zones 6G,xfs -t 5400 -- bash tests/host/slow/installation.sh
#
# Seen there on 2026-11-23, with Debian 13's installer, on a machine with a load of 20 on which it went before all others: 2 minutes to the network,
# 5 to the disk's partitions, 6 to the first package of the base system, 30 to its end with a kernel, 38 to GRUB, 44 to the power-off; the disk then to
# its GRUB in 30 s, to login: in 2 minutes, there with console=ttyS0 typed into GRUB's menu: it stood in front of the --- then, where the installer
# does not keep it. When a run is over because the virtual host stood still, begin again.
#
# Wants the packages nftables and debian-installer-12-netboot-amd64 (or -13-) and a Debian mirror. Variables, by run's -e:
# INSTALLER_MIRROR=HOST[:PORT]/FOLDER (deb.debian.org/debian), INSTALLER_IMAGES=FOLDER with linux and initrd.gz (the newest package's),
# INSTALLER_ANSWERS=FILE with more answers, INSTALLER_KEEP=FILE that gets the installed disk, INSTALLER_SECONDS (4800),
# INSTALLER_DISK=FILE: boots that disk and installs nothing.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

newest=$(ls -d /usr/lib/debian-installer/images/1[2-9]/amd64/text/debian-installer/amd64 2>/dev/null | tail -n 1)
di=${INSTALLER_IMAGES:-$newest} mirror=${INSTALLER_MIRROR:-deb.debian.org/debian}
for f in "$di/linux" "$di/initrd.gz" /usr/sbin/nft; do
	[ -r "$f" ] || {
		t_skip "an installation" "there is no $f"
		t_done
	}
done
ip route show default | grep -q . || {
	t_skip "an installation" "there is no way out (tests/host/run --net)"
	t_done
}
stamp() { while IFS= read -r line; do echo "# $SECONDS $line"; done; }

t_run "a network" 0 nictagadm add -l -p ip=10.88.0.1/24 demo0
t_atexit nictagadm delete -f demo0
t_run "that leads" 0 sysctl net.ipv4.ip_forward=1
t_run "out" 0 nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; };
	add rule ip nat post ip saddr 10.88.0.0/24 oifname != "zbr-demo0" masquerade'
cat >"$T/vm.json" <<'END'
{ "brand": "bhyve", "alias": "installed", "ram": 1024, "autoboot": false, "bootrom": "bios",
  "disks": [ { "boot": true, "model": "virtio", "size": 4096 } ],
  "nics": [ { "nic_tag": "demo0", "model": "virtio", "ips": [ "10.88.0.20/24" ], "gateways": [ "10.88.0.1" ], "primary": true } ] }
END
t_run "a machine" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid log=/zones/$uuid/logs/console.log
state() { vmadm list -H -o state "uuid=$uuid"; }
# ends SECONDS: waits for the machine to stop; looks whether it stands still by the virtual host's defect.
ends() {
	local end=$((SECONDS + $1)) size=0 new
	while [ "$(state)" != stopped ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 20
		new=$(stat -c %s "$log")
		if [ "$new" = "$size" ] && "$top/tests/host/stuck" "$uuid" >"$T/stuck"; then
			t_fail "the virtual host stood still: begin again" "$(cat "$T/stuck")"
			t_done
		fi
		size=$new
	done
}

if [ -z "${INSTALLER_DISK:-}" ]; then
	mkdir "$T/i"
	# Beyond README's: this network and mirror; fewer packages and no waiting for the disk, which spares an emulated machine half an hour.
	{
		cat "$top/examples/preseed.cfg"
		cat <<-END
			d-i mirror/http/hostname string ${mirror%%/*}
			d-i mirror/http/directory string /${mirror#*/}
			d-i netcfg/disable_autoconfig boolean true
			d-i netcfg/get_ipaddress string 10.88.0.20
			d-i netcfg/get_netmask string 255.255.255.0
			d-i netcfg/get_gateway string 10.88.0.1
			d-i netcfg/get_nameservers string 10.0.2.3
			d-i netcfg/confirm_static boolean true
			d-i debian-installer/language string C
			d-i debian-installer/country string US
			d-i debian-installer/locale string C
			d-i base-installer/debootstrap_variant string minbase
			d-i base-installer/includes string init udev kmod ifupdown iproute2 netbase debconf-i18n
			d-i base-installer/initramfs-tools/driver-policy select dep
			d-i pkgsel/include string
			d-i preseed/early_command string f=/lib/partman/finish.d/99unsafe; mkdir -p /lib/partman/finish.d; echo '#!/bin/sh' >\$f; \\
				echo 'mkdir -p /target/etc/dpkg/dpkg.cfg.d; echo force-unsafe-io >/target/etc/dpkg/dpkg.cfg.d/unsafe' >>\$f; \\
				chmod 755 \$f; rm -f /usr/bin/screen
			d-i apt-setup/services-select multiselect
			d-i apt-setup/enable-source-repositories boolean false
		END
		[ -z "${INSTALLER_ANSWERS:-}" ] || cat "$INSTALLER_ANSWERS"
	} >"$T/i/preseed.cfg"
	t_run "the answers, in a second archive behind the initrd's" 0 sh -c "cd '$T/i' && echo preseed.cfg | cpio -o -H newc --quiet |
		gzip | cat '$di/initrd.gz' - >/var/tmp/initrd.gz"
	t_run "the installer's kernel, to start directly" 0 zonecfg -u "$uuid" "remove attr name=bootrom;
		add attr; set name=kernel; set type=string; set value=$di/linux; end;
		add attr; set name=initrd; set type=string; set value=/var/tmp/initrd.gz; end;
		add attr; set name=bootargs; set type=string;
		set value=\"priority=critical DEBIAN_FRONTEND=text --- console=ttyS0 mitigations=off no_timer_check tsc=reliable apparmor=0 quiet\"; end"
	t_run "start" 0 vmadm start "$uuid"
	tail -n +1 -F "$log" 2>/dev/null | sed -u 's/\r/\n/g; s/[\x00\x07\x08]//g; s/\x1b[[(][0-9;?]*[A-Za-z]//g' |
		grep --line-buffered -a '[^ ]' | stamp &
	follow=$!
	ends "${INSTALLER_SECONDS:-4800}" || true
	t_is "the installer has come to its end, a power-off" "$(state) $(cut -d' ' -f3 "$z/lastexited")" "stopped power-off"
	kill $follow
	[ -z "${INSTALLER_KEEP:-}" ] || cp --sparse=always "$z/disk0.raw" "$INSTALLER_KEEP"
	t_run "the disk boots by itself from now on" 0 zonecfg -u "$uuid" "remove attr name=kernel; remove attr name=initrd;
		remove attr name=bootargs; add attr; set name=bootrom; set type=string; set value=bios; end"
else
	t_run "a disk that was installed before" 0 cp --sparse=always "$INSTALLER_DISK" "$z/disk0.raw"
fi

mkfifo "$T/keys"
exec 8<>"$T/keys"
seen=$(stat -c %s "$log" 2>/dev/null || echo 0)
t_run "start" 0 vmadm start "$uuid"
vmadm console "$uuid" <"$T/keys" >/dev/null 2>&1 &
t_atexit kill $!
said() { tail -c +$((seen + 1)) "$log" | tr -d '\r\0' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; }
says() {
	wait_for "$1" eval "said | grep -aqE '$2'" || true
	t_like "on the console: $2" "$(said | tail -n 30)" "$2"
	echo "# at $(cut -d. -f1 /proc/uptime) s"
}
says 120 GRUB
says 600 'installed login:'
printf 'root\r' >&8
says 60 Password:
sleep 1
printf 'change-me\r' >&8
says 120 'root@installed'
# shellcheck disable=SC2016  # the guest's shell expands it
printf 'grep PRETTY /etc/os-release; uname -r; echo "root on $(findmnt -no SOURCE,FSTYPE /)" with $((6*7)) points\r' >&8
says 60 'root on /dev/vda1 ext4 with 42 points'
printf 'poweroff\r' >&8
ends 300 || true
t_is "and powers off" "$(state) $(cut -d' ' -f3 "$z/lastexited")" "stopped power-off"
said | grep -a '[^ ]' | tail -n 40 | sed 's/^/# | /'
t_is "zhyve has nothing to say" "$(cat "$z/logs/platform.log")" ""
t_done
