#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# usage: tests/guest/disk-process.sh BUILD
#
# tests/host/slow/disk-process.sh without the virtual host: its guest is a bare-metal payload, which this machine's /dev/kvm can run. The zone is
# below a directory of its own.
set -eu
[ "$(id -u)" -eq 0 ] && [ -w /dev/kvm ] && grep -q ' cgroup2 ' /proc/self/mounts || {
	echo "1..0 # SKIP needs root, /dev/kvm and cgroup v2"
	exit 0
}
export BUILD=$1
export ZHYVE_ROOT
ZHYVE_ROOT=$(mktemp -d)
trap 'rm -rf "$ZHYVE_ROOT"' EXIT
export ZONEADMD_BIN=$BUILD/src/zone/zoneadmd
for tool in zoneadm zonecfg zlogin; do PATH=$BUILD/src/cmd/$tool:$PATH; done
bash "$(dirname "$0")/../host/slow/disk-process.sh"
