#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# iPXE from its CD image by BIOS, to its banner. In the virtual host, by hand:
#
#   tests/host/run -t 400 -- bash tests/host/slow/ipxe.sh
#
# Outside `make check`: there it takes 3 seconds or, for a reason not found yet, minutes ("initialising devices..."), more often so
# when the machine is busy.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

iso=/usr/lib/ipxe/ipxe.iso
[ -r $iso ] || { t_skip "SeaBIOS starts iPXE from a CD" "there is no package ipxe"; t_done; }
zhyve -m 256m -l com1,stdio -s 0,hostbridge -s 31,lpc -l bootrom,/usr/share/seabios/bios-256k.bin -s "4,ahci-cd,$iso" ipxe \
	>"$T/com1" 2>"$T/err" </dev/null &
t_atexit kill -KILL $!
wait_for 360 grep -qaE 'iPXE.*Open Source Network Boot Firmware' "$T/com1" || true
t_like "SeaBIOS starts iPXE from a CD" "$(tr -d '\r\0' <"$T/com1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; cat "$T/err")" \
	'iPXE.*Open Source Network Boot Firmware'
t_done
