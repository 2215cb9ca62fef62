#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=300 kernel=any
#
# scenarios/volumes.sh in user-mode Linux, whose kernel has device-mapper and where lvm takes a second, not eight: so lvm's part runs as well.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
[ -n "${LINUX_UML:-}" ] || command -v linux.uml >/dev/null || { echo "ok 1 - volumes of lvm's # SKIP there is no user-mode Linux here"; echo 1..1; exit 0; }
exec "$here/../uml" -t 900 -- bash "$here/../scenarios/volumes.sh"
