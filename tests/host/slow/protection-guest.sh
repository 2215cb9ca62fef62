#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=400
#
# A guest in a zone that sends every class of frames, and is sent every class, as tests/link/guest has it on the machine's own kernel, in Debian's;
# then the same with a guest that is Linux, whose frames go through a raw socket and its own driver.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

build=${BUILD:-$top/build}
t_run "a guest in a zone" 0 "$top/tests/link/guest" "$build"
printf '%s\n' "$t_out$t_err" | sed 's/^/#   /'

tiny_with "$T/initrd" "virtio_pci virtio_net" "$build/tests/link/linux_guest" <<'SH'
ip link set eth0 up
how=$(sed 's/.*frames=//' /proc/cmdline)
linux_guest eth0 /frames "$how"
SH
t_run "a Linux guest in a zone" 0 "$top/tests/link/guest" "$build" "$cache/vmlinux" "$T/initrd"
printf '%s\n' "$t_out$t_err" | sed 's/^/#   /'
t_done
