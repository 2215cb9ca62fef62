# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# Sourced by the style checks: TAP, and the files that count (those git knows or would add; else all, for a tarball).

top=$(cd "$(dirname "$0")/../.." && pwd -P)
cd "$top" || exit 99
n=0 bad=0

# files PATTERN...: paths that match one of the shell patterns.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		for _p; do find . -path ./build -prune -o -path ./cache -prune -o -name "${_p##*/}" -type f -print; done |
			sed 's|^\./||'
	fi | sort -u | while read -r _f; do [ ! -f "$_f" ] || echo "$_f"; done
}

# result TEXT FAULTS: ok when there are none; the faults are shown otherwise.
result() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/#   /'
		bad=1
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

finish() {
	echo "1..$n"
	exit $bad
}
