#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=90
#
# A guest in a zone that sends every class of frames, as tests/link/guest has it on the machine's own kernel, in Debian's.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"

build=${BUILD:-$top/build}
t_run "a guest in a zone" 0 "$top/tests/link/guest" "$build"
printf '%s\n' "$t_out$t_err" | sed 's/^/#   /'
t_done
