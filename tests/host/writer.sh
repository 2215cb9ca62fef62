# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What scenarios share whose guest is tests/guest/writer.c, after lib.sh:
#
#   new_vm JSON PAYLOAD              a VM whose kernel is the payload: $uuid, $z
#   said WORD                        what its console has after that word, line by line: flushed and failed batches, sectors
#   count WORD, more WORD COUNT      how many such lines; are there more than so many
#   told REGEX                       is there an event like that
#   judged TEXT FILE                 a result: all that was flushed is there
#   $heard                           read in the console log's place, when it is set

written=$top/build/tests/host/written

new_vm() { # FILE-OF-JSON PAYLOAD: created, the payload its kernel; $uuid and $z
	uuid=$(vmadm create -f "$1" 2>&1 | sed -n 's/.* //p')
	z=/zones/$uuid
	# The container's cgroup may lack controllers.
	for change in "add attr; set name=kernel; set type=string; set value=$top/build/tests/guest/$2.elf; end" "clear cpu-shares" "clear max-lwps" \
		"clear zfs-io-priority" "remove -F capped-memory"; do
		zonecfg -u "$uuid" "$change; commit"
	done
}
said() { tr -d '\r\0' <"${heard:-$z/logs/console.log}" | sed -n "s/^$1 //p"; }
count() { said "$1" | wc -l; }
more() { [ "$(count "$1")" -gt "$2" ]; }
told() { (timeout 2 zoneadm -z "$uuid" events -s 1 || true) | grep -q "$1"; }
judged() {
	# shellcheck disable=SC2046  # words
	t_run "$1" 0 "$written" "$2" $((16#$(said flushed | tail -n 1))) $(said failed)
}
