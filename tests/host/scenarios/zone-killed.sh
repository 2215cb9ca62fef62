#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=zone time=180 kernel=any
#
# zoneadmd, zhyve and the tools killed at a system call, or one of their calls made to fail, in each operation of a zone's life: whatever stood at that
# moment, the next `zoneadm list` leaves nothing of it (tests/host/kill). Here 6 points or so of each operation, always the same; all of them:
# tests/host/slow/kill-all.sh. And each kill(2) of a reboot by some faults: a zhyve that could not be killed was once waited for for ever.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

"$top/tests/host/kill" -b "${BUILD:-$top/build}" -n "${POINTS:-6}" >"$T/said" || true
"$top/tests/host/kill" -b "${BUILD:-$top/build}" -c 62 -s 3 reboot >"$T/said.kill" || true
grep -h '^#' "$T/said" "$T/said.kill" || true
while read -r line; do
	case $line in
	'ok '*) t_ok "${line#*- }" ;;
	'not ok '*) t_fail "${line#*- }" ;;
	esac
done < <(cat "$T/said" "$T/said.kill")
t_like "all operations were tried" "$(cat "$T/said")" '^1\.\.11$'
t_like "a reboot's kill(2)s were tried" "$(cat "$T/said.kill")" '^1\.\.1$'
t_done
