# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Part of tests/guest/run: a running zhyve as /proc shows it.
"$zhyve" -m 64m -c 3 -l com1,stdio -l "kernel,$payload" -s "5,virtio-blk,$dir/disk,uring=false" confined \
	>"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in {1..100}; do
	grep -q ready "$dir/out" && break
	sleep 0.05
done
grep -q ready "$dir/out" || fail "the guest did not start"
threads=0
for status in /proc/$pid/task/*/status; do
	# Newer kernels show a thread of KVM's own (kvm-nx-lpage-...) among ours; what follows holds for it too.
	grep -q '^Name:[[:space:]]*kvm-' "$status" || threads=$((threads + 1))
	grep -q '^Seccomp:[[:space:]]*2$' "$status" || fail "no filter: $(grep -E '^(Name|Seccomp):' "$status" | tr '\n' ' ')"
	grep -q '^NoNewPrivs:[[:space:]]*1$' "$status" || fail "may gain privileges: $(head -n 1 "$status")"
done
[ $threads -eq 8 ] || fail "$threads threads, 8 expected: event loop, 4 for the disk, 3 vCPUs"
kill -TERM $pid
got=0
wait $pid || got=$?
[ $got -eq 1 ] || fail "status $got after the power button"
[ "$(tail -n 1 "$dir/out")" = ok ] || fail "the guest did not say ok"
