#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: time=10 kernel=any
#
# imgadm build debian-12, whole: packages from the mirror that this machine has, some minutes. The image that comes of it is imported, looked at, and compared with
# the one that make demo has made by itself; then it boots in the virtual host (imgadm-boot.sh). It needs a way out, which tests/host/check gives no
# scenario, so by hand, as root:
#
#   bash tests/host/slow/imgadm-build.sh
#
# KEEP=FOLDER: what is made is left there, not below /tmp, of which the virtual host has its own.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/host/common.sh
here=$top/tests/host && . "$here/common.sh"

ip route show default | grep -q . || {
	t_skip "imgadm build" "there is no way out"
	t_done
}
command -v mmdebstrap >/dev/null || {
	t_skip "imgadm build" "mmdebstrap is not installed"
	t_done
}
own=${ZHYVE_CACHE:-$top/cache}
mkdir -p "$own"
made=${KEEP:-$(mktemp -d "$own/.built.XXXXXX")}
[ -n "${KEEP:-}" ] || t_atexit rm -rf "$made"
install_into "$top/build" "$T/root" "$T/log"
imgadm=$(find "$T/root" -path '*/sbin/imgadm')
ZHYVE_MKIMAGE=$(find "$T/root" -path '*/tools/mkimage' -type f)
export ZHYVE_MKIMAGE ZHYVE_ROOT="$T/host"
unset ZHYVE_CACHE
mkdir -p "$ZHYVE_ROOT/zones" "$ZHYVE_ROOT/etc/zones" "$ZHYVE_ROOT/run/zones"

t_run "the image is made and imported" 0 "$imgadm" build -d "$made" debian-12
echo "# $SECONDS s; $(tail -n 1 <<<"$t_err")"
t_like "which is said" "$t_out" '^Imported image [0-9a-f-]{36} \(debian-12@'
uuid=$(jq -r .uuid "$made/debian-12.json")
t_is "it is in the list" "$("$imgadm" list -H -o uuid,name,os)" "$uuid  debian-12  linux"
t_is "and is what was made" "$(cmp "$made/debian-12.raw" "$ZHYVE_ROOT/zones/images/$uuid.raw" && echo same)" same
t_is "its kernel and initrd are there as well" "$("$imgadm" get "$uuid" | jq -r '[.manifest.tags | has("org.zhyve:kernel", "org.zhyve:initrd", "org.zhyve:cmdline")] | all')" true
at=$SECONDS
t_run "it is not made a second time" 0 "$imgadm" build -d "$made" debian-12
t_like "nor imported" "$t_out" '^There is already image'
t_is "which takes no time" "$((SECONDS - at < 30))" 1

root="$made/debian-12.raw?offset=$(($(sfdisk -J "$made/debian-12.raw" | jq '.partitiontable.partitions[0].start') * 512))"
t_like "its root is Debian 12's" "$(debugfs -R 'cat /usr/lib/os-release' "$root" 2>/dev/null)" 'VERSION_ID="12"'
t_is "without a fault" "$(e2fsck -fn "$root" >/dev/null 2>&1; echo $?)" 0
if ZHYVE_CACHE=$own "$top/tools/mkimage" -p >/dev/null; then
	what='del(.uuid, .published_at, .version, .files)'
	t_is "its manifest says what that of make demo's image says" "$(jq -S "$what" "$made/debian-12.json")" "$(jq -S "$what" "$own/debian-12.json")"
	t_is "and it is made of the same" "$(cat "$made/debian-12.key")" "$(cat "$own/debian-12.key")"
else
	t_skip "the same as make demo's image" "there is none in $own, or an older one"
fi
unset ZHYVE_MKIMAGE ZHYVE_ROOT # the virtual host has its own
st=0
ZHYVE_CACHE=$own "$here/run" --retry 2 -t 1200 --zones 6G,xfs -e "IMAGE=$made" -- bash "$here/slow/imgadm-boot.sh" >"$T/boot" || st=$?
sed 's/^/# /' "$T/boot"
t_is "it boots to the login prompt" "$st" 0
t_done
