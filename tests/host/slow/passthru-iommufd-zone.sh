#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=iommufd mode=iommufd time=100 zones=4G,ext4
#
# PCI passthrough in a zone, by VFIO's character devices and iommufd: passthru-zone.sh of the scenarios, with a kernel that has them
# (tests/host/kernel).
set -eu
# shellcheck source=tests/host/scenarios/passthru-zone.sh
. "$(dirname "$0")/../scenarios/passthru-zone.sh"
