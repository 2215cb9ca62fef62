#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=900 needs=zfs
#
# scenarios/volumes.sh in the virtual host, whose kernel has device-mapper, and ZFS where tests/host/zfs could make it: so lvm's and
# zfs's parts run as well.
exec bash "$(dirname "$0")/../scenarios/volumes.sh"
