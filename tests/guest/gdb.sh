# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Part of tests/guest/run: a debugger at the guest. What Debian's gdb does with it, and the protocol by hand for what a script
# cannot make gdb do. Watchpoints and int3 need a KVM with hardware virtualization: tests/host/slow/gdb.sh.
start_debugged() { # OPTION...
	rm -f "$dir/gdb"
	timeout -k 5 60 "$zhyve" -m 64m -l com1,stdio -l "kernel,$payload" "$@" gdb >"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	trap 'kill -9 $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
	for _ in {1..100}; do
		[ ! -S "$dir/gdb" ] || break
		sleep 0.05
	done
}
ended() { # STATUS
	local got=0
	wait "$pid" || got=$?
	[ $got -eq "$1" ] || fail "status $got, $1 expected"
}

if command -v gdb >/dev/null; then
	start_debugged -c 2 -G "wunix:$dir/gdb" ${omit:+-o "seccomp.without=$omit"}
	timeout 40 gdb -nx -batch -ex "set pagination off" -ex "file $payload" -ex "target remote $dir/gdb" -ex "info threads" \
		-ex "hbreak guest_main" -ex c -ex "x/2i \$rip" -ex stepi -ex stepi -ex "p \$rip - (unsigned long)&guest_main > 0" \
		-ex delete -ex "break called" -ex c -ex 'p $rdi' -ex c -ex 'p $rdi' -ex "p/x \$cr0" -ex "set var \$rdi = 77" -ex "p \$rdi" \
		-ex "set var \$xmm0.uint128 = 5" -ex "p \$xmm0.uint128" -ex "set var \$fs_base = 4096" -ex "p \$fs_base" \
		-ex "thread 2" -ex 'p $_thread' -ex delete -ex "set var *(unsigned long *)&done = 1" -ex "p *(unsigned long *)&done" -ex c \
		>"$dir/gdb.out" 2>&1 </dev/null || true
	cat "$dir/gdb.out" >>"$dir/err"
	for _ in {1..40}; do # killed by its filter (tests/guest/needed)?
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	dead=0
	kill -0 "$pid" 2>/dev/null || wait "$pid" || dead=$?
	[ $dead -ne 159 ] || fail "status 159"
	for want in 'Thread 2 (vcpu1)' 'Breakpoint 1, 0x' '= 1$' 'Breakpoint 2, 0x.* in called' '^\$2 = 1' '^\$3 = 2' '^\$4 = 0x800000' \
		'^\$5 = 77' '^\$6 = 5' '^\$7 = 4096' '^\$8 = 2' '^\$9 = 1' 'exited with code 01'; do
		grep -q -- "$want" "$dir/gdb.out" || fail "gdb did not say '$want'"
	done
	ended 1
else
	echo "# gdb is not installed: the protocol alone is tested"
fi

# By TCP: a guest that runs, is interrupted, looked at, left alone, and visited again; then its debugger vanishes.
port=$((20000 + $$ % 20000))
start_debugged -G "$port"
timeout 30 python3 - "$port" "$pid" >"$dir/gdb.out" 2>&1 <<-'EOF' || fail "by hand: $(cat "$dir/gdb.out")"
	import socket, sys, time
	class Client:
	    def __init__(self):
	        for _ in range(100):
	            try:
	                self.s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
	                break
	            except OSError:
	                time.sleep(0.05)
	        else:
	            sys.exit("cannot connect")
	        self.buf = b""
	    def send(self, body):
	        self.s.sendall(b"$" + body + b"#%02x" % (sum(body) & 255))
	    def reply(self):
	        while b"#" not in self.buf or len(self.buf) < self.buf.index(b"#") + 3:
	            got = self.s.recv(4096)
	            if not got:
	                sys.exit("ended after %r" % self.buf)
	            self.buf += got
	        end = self.buf.index(b"#")
	        body, self.buf = self.buf[self.buf.index(b"$") + 1:end], self.buf[end + 3:]
	        return body
	    def ask(self, body, want):
	        self.send(body)
	        got = self.reply()
	        assert got.startswith(want), (body, got)
	        return got
	for visit in range(2):
	    c = Client()
	    c.ask(b"?", b"T05thread:1;")
	    c.send(b"vCont;c")
	    time.sleep(0.3)
	    c.s.sendall(b"\x03")
	    assert c.reply() == b"T02thread:1;"
	    c.ask(b"m100000,4", b"")
	    c.ask(b"mfffffff000000000,8", b"E")
	    c.ask(b"me0000000,4", b"E")
	    if visit == 0:
	        c.ask(b"D", b"OK")
	        assert c.s.recv(10) in (b"", b"+")
	    # The second leaves without a word, breakpoints and all.
	    else:
	        c.ask(b"Z1,100000,1", b"OK")
	        c.s.close()
	time.sleep(0.3)
	child = open("/proc/%s/task/%s/children" % (sys.argv[2], sys.argv[2])).read().split()[0]
	stat = lambda: sum(int(x) for x in open("/proc/%s/stat" % child).read().rsplit(")", 1)[1].split()[11:13])
	a = stat()
	time.sleep(0.5)
	assert stat() > a, "the guest does not run"
	c = Client()
	c.ask(b"?", b"T05")
	c.send(b"k")
	EOF
ended 1
