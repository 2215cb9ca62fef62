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

# install_into BUILD ROOT LOG: the project's programs as `make install` puts them.
install_into() {
	meson install -C "$1" --no-rebuild --quiet --strip --destdir "$2" >"$3" 2>&1 || {
		cat "$3" >&2
		die "$1 cannot be installed (above); build it first"
	}
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

# The payload of a bzImage: offset and length stand in the setup header (Linux x86 boot protocol, 2.08), the offset
# counted from the end of the setup sectors.
unpack_kernel() { # BZIMAGE OUT
	_n=$(od -An -tu1 -j 497 -N 1 "$1" | tr -d ' ')
	[ "$_n" -ne 0 ] || _n=4
	_off=$(od -An -tu4 -j 584 -N 4 "$1" | tr -d ' ')
	_len=$(od -An -tu4 -j 588 -N 4 "$1" | tr -d ' ')
	# The last 4 bytes are the unpacked size, which is no part of the lz4 stream.
	tail -c +$(((_n + 1) * 512 + _off + 1)) "$1" | head -c $((_len - 4)) >"$2.packed"
	case $(od -An -tx1 -N 4 "$2.packed" | tr -d ' ') in
	fd377a58) xz -dqc "$2.packed" >"$2" || die "$1: the payload is not xz" ;;
	*) lz4 -dqc "$2.packed" >"$2" || die "$1: the payload is not lz4" ;;
	esac
	rm "$2.packed"
	[ "$(head -c 4 "$2" | tr -d '\177')" = ELF ] || die "$1: the payload is not an ELF file"
}
