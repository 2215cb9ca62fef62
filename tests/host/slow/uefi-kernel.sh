#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=200
#
# OVMF starts a stock kernel that it is given (-l kernel) by its EFI stub, to user space. In the
# virtual host, by hand:
#
#   tests/host/run -t 400 -- bash tests/host/slow/uefi-kernel.sh [OPTION...]
#
# The options are zhyve's.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

ovmf=/usr/share/OVMF
cp $ovmf/OVMF_VARS_4M.fd "$T/vars"
# Names are in UTF-16.
name_in() { # NAME FILE
	grep -qaP "$(sed 's/./&\\x00/g' <<<"$1")" "$2"
}

st=0
zhyve -m 512m -l com1,stdio -s 0,hostbridge,model=i440fx -s 31,lpc -s 7,virtio-rnd \
	-l "bootrom,$ovmf/OVMF_CODE_4M.fd,$T/vars" -l "kernel,$cache/vmlinuz,initrd=$cache/tiny.cpio" \
	-U 00112233-4455-6677-8899-aabbccddeeff -B "1,manufacturer=Joyent,product=SmartDC HVM" -f opt/test,string=x \
	-o boot.cmdline="console=ttyS0 panic=-1 tiny.run=cpus,mem,dmi,pci,rng,efivar:ZhyveTest:kept-by-flash,poweroff" \
	"$@" uefi >"$T/com1" 2>"$T/err" </dev/null || st=$?
con=$(tr -d '\r\0' <"$T/com1")
t_is "the guest ends by power-off" "$st" 1
t_is "without a message of zhyve's" "$(cat "$T/err")" ""
t_like "the kernel was started by UEFI" "$con" 'efi: EFI v2\.[0-9]+ by'
t_like "it found ACPI's tables through UEFI" "$con" 'ACPI 2\.0='
t_like "the memory-mapped configuration space is used" "$con" 'MMCONFIG.*0xe0000000'
t_like "it reaches user space" "$con" 'zhyve-tiny: userland'
t_like "SMBIOS strings reach it" "$con" 'dmi: Joyent \| SmartDC HVM'
t_like "OVMF has placed the BARs where they are decoded" "$con" 'rng: [0-9a-f]{64}'
t_like "a variable is set at run time" "$con" 'efivar: ZhyveTest set'
t_run "OVMF's own variables are in the store" 0 name_in BootOrder "$T/vars"
t_run "and the guest's" 0 name_in ZhyveTest "$T/vars"
t_run "with its value" 0 grep -qa kept-by-flash "$T/vars"
t_run "none of which the template has" 1 name_in BootOrder $ovmf/OVMF_VARS_4M.fd
t_done
