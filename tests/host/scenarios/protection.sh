#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=base time=60
#
# The protection of links in Debian's own kernel: frames through taps, checksum offloads, VLANs of a bridge. (A guest in a zone that sends every
# class of frames there: slow/protection-guest.sh.)
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

build=${BUILD:-$top/build}
t_run "frames through taps" 0 "$build/tests/unit/zone/test_zone_filter"
t_like "none of it was left out" "$t_out$t_err" 'PASSED  \] 14 test'
[ "$t_failed" -eq 0 ] || printf '%s\n' "$t_err" | sed 's/^/# /'
t_done
