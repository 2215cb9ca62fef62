#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=iommufd mode=iommufd time=130 needs=generic zones=4G,ext4
#
# PCI passthrough by hand, by VFIO's character devices and iommufd: passthru.sh, with a kernel that has them (tests/host/kernel).
# And by groups with that kernel, which has both.
set -eu
# shellcheck source=tests/host/slow/passthru.sh
. "$(dirname "$0")/passthru.sh"
