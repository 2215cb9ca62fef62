#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=900
#
# scenarios/volumes.sh in the virtual host, whose kernel has device-mapper: so lvm's part runs as well.
exec bash "$(dirname "$0")/../scenarios/volumes.sh"
