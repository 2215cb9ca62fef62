#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=kill-all time=10800 kernel=any
#
# Every system call of every operation of a zone's life, with every fault (tests/host/kill): hours. By hand:
#   tests/host/container -- bash tests/host/slow/kill-all.sh [OPERATION...]
# KILL_STEP=N takes every N-th point.
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd -P)
exec "$top/tests/host/kill" -b "${BUILD:-$top/build}" -s "${KILL_STEP:-1}" "$@"
