#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=80
#
# What a zone's boot ROM starts: SeaBIOS boots the disk and the CD that the order says, once or until the zone halts; the UEFI variables
# are the zone's own, last, and are forgotten when asked. Boot sectors and a ROM of a few bytes stand in for systems.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

# Real-mode code that says a word on COM1, then ends: power-off through ACPI, reset, or halt.
cat >"$T/make.py" <<'END'
import struct, sys
ENDS = {"off": b"\xba\x04\x06\xb8\x00\x34\xef", "reset": b"\xba\xf9\x0c\xb0\x06\xee", "halt": b""}
def code(at, word, end, data):  # data: the prefix of the load, DS at 0 or the ROM's own segment
    # cli (SeaBIOS says its last bytes when the clock ticks); xor ax,ax; mov ds,ax; cld; mov dx,3f8; mov si,text
    # 1: lodsb; test al,al; jz 2; out dx,al; jmp 1; 2: end; hlt
    head = b"\xfa\x31\xc0\x8e\xd8\xfc\xba\xf8\x03\xbe"
    loop = data + b"\xac\x84\xc0\x74\x03\xee\xeb" + bytes([0x100 - 8 - len(data)]) + ENDS[end] + b"\xf4\xeb\xfd"
    return head + struct.pack("<H", at + len(head) + 2 + len(loop)) + loop + word.encode() + b"\r\n\0"
def sector(word, end):
    return code(0x7c00, word, end, b"").ljust(510, b"\0") + b"\x55\xaa"
def cd(word, end):
    record = b"\0CD001\1EL TORITO SPECIFICATION".ljust(0x47, b"\0") + struct.pack("<I", 18)
    entry = b"\1\0\0\0" + bytes(24)
    entry += struct.pack("<HH", -sum(struct.unpack("<14H", entry)) - 0xaa55 & 0xffff, 0xaa55)
    catalog = entry + b"\x88\0" + struct.pack("<HBBHI", 0, 0, 0, 4, 19)
    return bytes(16 * 2048) + b"\1CD001\1".ljust(2048, b"\0") + b"".join(
        x.ljust(2048, b"\0") for x in (record, catalog, sector(word, end))) + bytes(12 * 2048)
def rom(word, end):
    return (code(0xff00, word, end, b"\x2e").rjust(0xff00 + len(code(0xff00, word, end, b"\x2e")), b"\0")
        .ljust(0xfff0, b"\0") + b"\xe9\x0d\xff").ljust(0x10000, b"\0")
sys.stdout.buffer.write({"sector": sector, "cd": cd, "rom": rom}[sys.argv[1]](*sys.argv[2:]))
END
make() { python3 "$T/make.py" "$@"; }
payload() {
	jq -n '{brand: "bhyve", alias: "boots", ram: 64, autoboot: false, bootrom: "bios",
		disks: [{boot: true, model: "virtio", size: 1}, {model: "nvme", size: 1}]}'
}
payload >"$T/vm.json"
t_run "create" 0 vmadm create -f "$T/vm.json"
uuid=${t_err##* }
t_atexit vmadm delete "$uuid"
z=/zones/$uuid
t_is "its boot ROM is in the object" "$(vmadm get "$uuid" | jq -r .bootrom)" bios
make sector "from the boot disk" off | dd of="$z/disk0.raw" conv=notrunc status=none
make cd "from the cd" reset >"$T/cd.iso"

stopped() { [ "$(vmadm list -H -o state "uuid=$uuid")" = stopped ]; }
said() { # what the sectors said since the last question, in one line
	tail -c +$((seen + 1)) "$z/logs/console.log" | tr -d '\0' | grep -ao 'from the [a-zA-Z ]*' | tr '\n' ';' || true
}
seen=0
# boots TEXT WANT [WORD...]: started with the words it says WANT and is stopped.
boots() {
	local text=$1 want=$2
	shift 2
	seen=$(stat -c %s "$z/logs/console.log" 2>/dev/null || echo 0)
	t_run "start $*" 0 vmadm start "$uuid" "$@"
	wait_for 40 stopped || true
	t_is "$text" "$(said)" "$want"
	vmadm stop "$uuid" -F 2>/dev/null
}

boots "the boot disk comes first" "from the boot disk;"
t_is "and its guest powers off through the ROM's ACPI" "$(cut -d' ' -f3 "$z/lastexited")" power-off
boots "a CD for one start comes after the disk" "from the boot disk;" "cdrom=$T/cd.iso,ide"
boots "or before it, once: after the guest's reset it is the disk again" "from the cd;from the boot disk;" \
	"cdrom=$T/cd.iso,ahci" order=cd,once=d
seen=$(stat -c %s "$z/logs/console.log")
cp "$T/cd.iso" "$z/root/cd.iso"
t_run "a CD in the zone's root" 0 vmadm start "$uuid" cdrom=/cd.iso,ide order=cdrom,disk
twice() { [ "$(said)" = "from the cd;from the cd;" ]; }
wait_for 40 twice || true
t_like "order= alone holds over resets" "$(said)" '^from the cd;from the cd;'
t_run "stop" 0 vmadm stop "$uuid" -F
boots "the next start is as ever" "from the boot disk;"
t_run "a CD that is nowhere" 1 vmadm start "$uuid" cdrom=/no.iso,ide
t_is "is named" "$t_err" "Cannot find disk: /no.iso"
printf '\0\0' | dd of="$z/disk0.raw" bs=1 seek=510 conv=notrunc status=none
t_run "a disk that is not bootable, and a CD" 0 vmadm start "$uuid" cdrom=/cd.iso,ide
seen=$(stat -c %s "$z/logs/console.log")
on_cd() { [[ "$(said)" == "from the cd;"* ]]; }
wait_for 40 on_cd || true
t_like "the CD comes next" "$(said)" '^from the cd;'
t_run "stop" 0 vmadm stop "$uuid" -F

# --- the variable store ---
attr() { zonecfg -u "$uuid" "select attr name=$1; set value=\"$2\"; end"; }
make rom "from the ROM" halt >"$T/rom.fd"
head -c 65536 /dev/zero | tr '\0' T >"$T/vars.fd"
t_run "another boot ROM, with variables" 0 attr bootrom "$T/rom.fd,$T/vars.fd"
boots "starts" "from the ROM;"
vars=$z/config/uefivars.fd
t_is "and the zone has variables of its own" "$(cksum <"$vars") $(stat -c %a "$vars")" "$(cksum <"$T/vars.fd") 600"
printf kept | dd of="$vars" conv=notrunc status=none
boots "again" "from the ROM;"
t_is "they stay what the guest made them" "$(head -c 4 "$vars")" kept
boots "with fresh ones" "from the ROM;" efivars=reset
t_is "they are the ROM's again" "$(head -c 4 "$vars")" TTTT
truncate -s 4096 "$vars"
t_run "variables that are not this ROM's" 1 vmadm start "$uuid"
t_like "are told, and how to be rid of them" "$t_err" 'efivars=reset'
t_run "a ROM that is missing" 0 attr bootrom "$T/none.fd"
t_run "cannot be started" 1 vmadm start "$uuid"
t_like "and is named" "$t_err" "cannot open boot ROM '$T/none.fd': No such file"
if [ -n "${ZHYVE_IN_HOST:-}" ]; then # its root is forgotten
	t_run "uefi" 0 attr bootrom uefi
	mv /usr/share/OVMF/OVMF_CODE_4M.fd "$T/"
	t_run "without its package" 1 vmadm start "$uuid"
	t_like "says which that is" "$t_err" 'apt-get install ovmf'
	mv "$T/OVMF_CODE_4M.fd" /usr/share/OVMF/
fi
payload | jq ".autoboot = true | .bootrom = \"$T/none.fd\"" >"$T/none.json"
zones=$(zoneadm list -cp)
t_run "a machine that cannot start" 1 vmadm create -f "$T/none.json"
t_like "is refused for that" "$t_err" "cannot open boot ROM '$T/none.fd'"
t_is "and not made" "$(zoneadm list -cp)" "$zones"
t_run "delete" 0 vmadm delete "$uuid"
t_is "the variables are gone with the zone" "$([ ! -e "$z" ] && echo gone)" gone
t_done
