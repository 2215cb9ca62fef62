# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# What the scripts of tests/host share: where things are, and the steps of putting an initramfs together. Sourced;
# wants $here (the folder of tests/host). Runs on the machine, never in the virtual host.

top=$(cd "$here/../.." && pwd -P)
cache=${ZHYVE_CACHE:-$top/cache}
busybox=${BUSYBOX:-$(command -v busybox || true)}

say() {
	echo "host: $*" >&2
}

die() {
	echo "host: $*" >&2
	exit 1
}

# modules ROOT KVER NAME...: the files of these modules and of all they depend on, in the order to load them.
# Names that are built in give nothing; an unknown name is an error.
modules() {
	_root=$1 _kver=$2
	shift 2
	for _m; do
		_out=$(modprobe -d "$_root" -S "$_kver" --show-depends "$_m") || die "no module $_m in kernel $_kver"
		echo "$_out"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# stage_busybox DIR: busybox with all its applets as relative links.
stage_busybox() {
	mkdir -p "$1/bin"
	cp "$busybox" "$1/bin/busybox"
	for _a in $("$busybox" --list); do
		[ "$_a" = busybox ] || ln -s busybox "$1/bin/$_a"
	done
}

# stage_modules DIR FILE...: copies module files to DIR/lib/modules, and writes DIR/lib/modules/order.
stage_modules() {
	_dir=$1
	shift
	mkdir -p "$_dir/lib/modules"
	for _f; do
		cp "$_f" "$_dir/lib/modules/"
		echo "${_f##*/}"
	done >"$_dir/lib/modules/order"
}

# pack DIR FILE: DIR as an uncompressed newc archive owned by root.
pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0 --reproducible) >"$2.tmp"
	mv "$2.tmp" "$2"
}
