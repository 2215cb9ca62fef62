# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What a scenario (tests/host/scenarios/NAME.sh) is written with. Runs inside the virtual host, in bash, with the
# project installed. Results are TAP lines on standard output: `ok N - text`, `not ok N - text`; anything else a test
# prints goes before them as it comes. A scenario ends with `t_done`.
#
#   t_ok TEXT / t_fail TEXT [DETAIL]     a result
#   t_is TEXT HAVE WANT                  equal strings
#   t_like TEXT HAVE REGEX               an extended regular expression is found in it
#   t_run TEXT STATUS COMMAND...         the command's exit status; its output is kept in $t_out (and $t_err)
#   t_skip TEXT WHY
#   wait_for SECONDS COMMAND...          until the command succeeds; its last failure is silent; 1 when time is up. The seconds are a quiet
#                                        machine's: a minute or less is tripled, for one that has other things to do
#   behind_grub DISK WORDS               a copy of the Debian image: its GRUB starts the tiny guest's kernel and initramfs, tiny.run=WORDS
#   tiny_with FILE MODULES [PROGRAM...]  the tiny guest's initramfs with more drivers and programs, and standard input for its first process
#   $quick                               words for the tiny guest's kernel: no messages, none of the tests and defences which cost time where it is emulated
#   $T                                   a directory of the scenario's own, gone at its end
#   t_atexit COMMAND...                  run at the end, last first, also after a failure

quick="console=ttyS0 quiet mitigations=off apparmor=0 audit=0 nowatchdog cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1"
t_n=0 t_passed=0 t_failed=0
t_ends=()
T=$(mktemp -d /tmp/scenario.XXXXXX)
top=${top:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)}
cache=${ZHYVE_CACHE:-$top/cache}

t_ok() {
	t_n=$((t_n + 1)) t_passed=$((t_passed + 1))
	echo "ok $t_n - $*"
}

t_fail() {
	t_n=$((t_n + 1)) t_failed=$((t_failed + 1))
	echo "not ok $t_n - $1"
	[ $# -lt 2 ] || printf '%s\n' "${@:2}" | tail -n 40 | sed 's/^/#   /'
	return 0
}

t_skip() {
	t_n=$((t_n + 1))
	echo "ok $t_n - $1 # SKIP $2"
}

t_is() {
	if [ "$2" = "$3" ]; then t_ok "$1"; else t_fail "$1" "have: $2" "want: $3"; fi
}

t_like() {
	if grep -qE -- "$3" <<<"$2"; then t_ok "$1"; else t_fail "$1" "nothing matches: $3" "have:" "$2"; fi
}

t_run() {
	local text=$1 want=$2 st=0
	shift 2
	t_out=
	t_err=
	"$@" >"$T/out" 2>"$T/err" </dev/null || st=$?
	t_out=$(tr -d '\0' <"$T/out")
	t_err=$(tr -d '\0' <"$T/err")
	if [ "$st" -eq "$want" ]; then
		t_ok "$text"
	else
		t_fail "$text" "exit status $st, wanted $want: $*" "$t_out" "$t_err"
	fi
}

wait_for() {
	local end=$((SECONDS + ($1 > 60 ? $1 : 3 * $1)))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

behind_grub() {
	local first root kver
	first=$(sfdisk -J "$1" | jq '.partitiontable.partitions[0].start') # the root file system's
	root="$1?offset=$((first * 512))"
	kver=$(debugfs -R 'ls -p /boot' "$root" 2>/dev/null | sed -n 's,.*/vmlinuz-\([^/]*\)/.*,\1,p')
	debugfs -R 'cat /boot/grub/grub.cfg' "$root" 2>/dev/null | sed "s|console=ttyS0|& panic=-1 tiny.run=$2|; s|^set timeout=.*|set timeout=0|" >"$T/grub.cfg"
	debugfs -w -f - "$root" >/dev/null 2>&1 <<-END
		rm /boot/grub/grub.cfg
		write $T/grub.cfg /boot/grub/grub.cfg
		rm /boot/vmlinuz-$kver
		write $cache/vmlinuz /boot/vmlinuz-$kver
		rm /boot/initrd.img-$kver
		write $cache/tiny.cpio /boot/initrd.img-$kver
	END
}

tiny_with() {
	local file=$1 dir=$T/more m
	mkdir -p "$dir/lib/modules" "$dir/bin"
	[ $# -lt 3 ] || cp "${@:3}" "$dir/bin/"
	# shellcheck source=tests/host/common.sh disable=SC2086  # $2: names
	(here=$top/tests/host && . "$here/common.sh" && modules / "$(uname -r)" $2) >"$T/modules"
	while read -r m; do
		cp "$m" "$dir/lib/modules/"
		echo "${m##*/}"
	done <"$T/modules" >"$dir/lib/modules/order"
	cat >"$dir/init" <<-'SH'
		#!/bin/sh
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs dev /dev
		mkdir -p /tmp
		mount -t tmpfs tmp /tmp
		while read -r m; do insmod "/lib/modules/$m"; done </lib/modules/order
	SH
	cat >>"$dir/init"
	chmod 755 "$dir/init"
	(cd "$dir" && find . | cpio --quiet -o -H newc) | cat "$cache/tiny.cpio" - >"$file"
}

t_atexit() {
	t_ends+=("$*")
}

t_cleanup() {
	local i
	for ((i = ${#t_ends[@]} - 1; i >= 0; i--)); do eval "${t_ends[i]}" >/dev/null 2>&1 || true; done
	rm -rf "$T"
}

t_done() {
	t_cleanup
	trap - EXIT
	echo "1..$t_n"
	echo "# $t_passed passed, $t_failed failed"
	[ $t_failed -eq 0 ] || exit 1
	exit 0
}

t_broken() {
	local st=$?
	t_fail "the scenario runs to its end" "it ended with status $st near line ${BASH_LINENO[0]:-?}"
	t_done
}
trap t_broken EXIT
