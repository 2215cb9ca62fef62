#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=60
#
# The virtual host is what the product expects of a Linux host. When this fails, look here before anything else.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

t_run "/dev/kvm opens and creates a VM" 0 python3 -c '
import fcntl, os
kvm = os.open("/dev/kvm", os.O_RDWR)
assert fcntl.ioctl(kvm, 0xAE00) == 12, "API version"
vm = fcntl.ioctl(kvm, 0xAE01, 0)
assert vm >= 0'
for c in cpu memory io pids cpuset; do
	t_like "cgroup v2 has $c" "$(cat /sys/fs/cgroup/cgroup.controllers)" "(^| )$c( |\$)"
done
mkdir /sys/fs/cgroup/smoke
t_atexit rmdir /sys/fs/cgroup/smoke
t_run "a cgroup takes a memory limit" 0 sh -c 'echo 64M >/sys/fs/cgroup/smoke/memory.max'
t_run "a tap can be made and joined to a bridge" 0 sh -c '
	ip link add smoke0 type bridge && ip tuntap add dev smoke1 mode tap && ip link set smoke1 master smoke0 up &&
	ip link del smoke1 && ip link del smoke0'
t_run "every namespace can be had, with a user namespace" 0 unshare -U -m -p -n -i -u -C -f -r true
t_run "vhost-net opens" 0 sh -c ': <>/dev/vhost-net'
t_run "seccomp and Landlock are there" 0 sh -c 'grep -q ^Seccomp: /proc/self/status &&
	grep -q landlock /sys/kernel/security/lsm'
t_run "/zones takes direct I/O" 0 dd if=/dev/zero of=/zones/smoke bs=4096 count=4 oflag=direct
t_run "/zones clones files" 0 cp --reflink=always /zones/smoke /zones/smoke2
rm -f /zones/smoke /zones/smoke2
t_is "the source tree is this one" "$(cmp "$0" "$top/tests/host/scenarios/smoke.sh" && echo same)" same
t_done
