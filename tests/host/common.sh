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

# fetch APT-GET'S ARGUMENTS...: in $work.
fetch() {
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root "$@") >"$work/apt.log" 2>&1 || {
		cat "$work/apt.log" >&2
		die "apt-get $* failed (above)"
	}
}

# Where the machine has its packages from, and the release's name; nothing while it has no lists of them.
origin() {
	# shellcheck disable=SC2016  # apt expands it
	apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' 'Component: main' |
		grep -v -e -updates -e -security -e -backports | head -n 1
}

# fetch_from SUFFIX COMPONENT PACKAGE...: downloads into $work, with package lists of its own, from where the machine has its packages:
# from the release of that suffix ("", -backports), and that component.
fetch_from() {
	_origin=$(origin)
	[ -n "$_origin" ] || { fetch update && _origin=$(origin); }
	[ -n "$_origin" ] || die "apt has no source of packages"
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	echo "deb $_origin$1 $2" >"$work/sources.list"
	_own="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists -o Dir::Cache=$work"
	shift 2
	# shellcheck disable=SC2086  # words
	fetch $_own update
	# shellcheck disable=SC2086
	fetch $_own download "$@"
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

# make_host FIRST THEN: of a kernel that is unpacked in $work/k, a virtual host's parts in $work/new. The modules (and what they
# need) are loaded in this order: FIRST before there is a root file system, THEN meanwhile. Sets $kver.
make_host() {
	kver=$(ls "$work/k/lib/modules")
	mkdir -p "$work/new/root/usr/lib"
	mv "$work/k/lib/modules" "$work/new/root/usr/lib/modules"
	ln -s usr/lib "$work/new/root/lib"
	"$here/mend-kvm" "$work/new/root/usr/lib/modules/$kver/kernel/arch/x86/kvm/kvm-amd.ko" || true # for the rest it is good enough
	depmod -b "$work/new/root" "$kver"
	mv "$work/k/boot/vmlinuz-$kver" "$work/new/vmlinuz"
	unpack_kernel "$work/new/vmlinuz" "$work/new/vmlinux"
	echo "$kver" >"$work/new/kver"

	stage_busybox "$work/i"
	# shellcheck disable=SC2046,SC2086  # names without blanks
	stage_modules "$work/i" $(modules "$work/new/root" "$kver" $1)
	mv "$work/i/lib/modules/order" "$work/i/lib/modules/order.first"
	# shellcheck disable=SC2046,SC2086
	stage_modules "$work/i" $(modules "$work/new/root" "$kver" $2)
	awk 'NR == FNR { have[$0]; next } !($0 in have)' "$work/i/lib/modules/order.first" "$work/i/lib/modules/order" \
		>"$work/i/lib/modules/order.then"
	rm "$work/i/lib/modules/order"
	gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -O2 -static -o "$work/i/agent" "$here/agent.c"
	cp "$here/init" "$work/i/init"
	chmod 755 "$work/i/init"
	pack "$work/i" "$work/new/initramfs.cpio"
}
