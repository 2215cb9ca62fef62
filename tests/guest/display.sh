# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by run: the display and its clients. $vnc_client is ours (libvncclient), gvnccapture a program of Debian's.
vnc_client=$(dirname "$4")/vnc_client

# serve OPTIONS: zhyve with the display, in the background; waits until the guest has drawn and listens to the keyboard.
serve() {
	"$zhyve" -m 64m -l com1,stdio -l "kernel,$payload" -s "3,fbuf,$1" "${@:2}" display >"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	trap 'kill -9 $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
	for _ in {1..600}; do
		grep -q ready "$dir/out" && return
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	fail "the guest is not ready"
}
said() { # TEXT: waits until the guest has said this on COM1; SeaBIOS's mirror of the display may say more behind it
	for _ in {1..900}; do
		! grep -qaF -- "$1" "$dir/out" || return 0
		sleep 0.1
	done
	fail "the guest did not say $1"
}
client() { # ARGUMENT...: ours does what it is told
	timeout -k 5 300 "$vnc_client" "$@" >>"$dir/err" 2>&1 || fail "the client was not served: $*"
}
ended() { # STATUS: zhyve ends with it, and zhyve-vnc with zhyve
	local got=0
	wait $pid || got=$?
	[ $got -eq "$1" ] || fail "status $got, $1 expected"
}

display_client() {
	serve "unix=$dir/vnc,password=geheim,w=800,h=600"
	[ "$(stat -c %a "$dir/vnc")" = 600 ] || fail "the socket is not ours alone"
	VNC_PASSWORD=falsch timeout 20 "$vnc_client" "$dir/vnc" size=320x200 >/dev/null 2>&1 && fail "the wrong password was good"
	export VNC_PASSWORD=geheim
	client "$dir/vnc" size=320x200 pixel=0,0,ff00ff pixel=1,1,ff0000 pixel=319,0,00ff00 pixel=0,199,0000ff pixel=319,199,ffffff
	# Strangers: TLS, HTTP, fewer bytes than any protocol begins with. Each is let go, and nobody else notices.
	timeout 20 python3 - "$dir/vnc" <<-'EOF' || fail "a stranger held up the others"
		import socket, sys
		def connect():
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(5)
		    s.connect(sys.argv[1])
		    return s
		kept = []
		for data in b"\x16\x03\x01\x02\x00", b"\x80\x2e\x01", b"G", b"GET / HTTP/1.1\r\n\r\n", b"":
		    s = connect()
		    s.send(data)
		    s.recv(100)
		    kept.append(s)
		assert connect().recv(100).startswith(b"RFB 003.")
	EOF
	# Escape at last ends the guest; it says what it got.
	client "$dir/vnc" type=aB key=0xff51 key=0xff1b
	ended 1
	[ "$(tail -n 1 "$dir/out")" = ok ] || fail "the guest did not say ok"
	[ "$(sed -n 's/^key //p' "$dir/out" | tr '\n' ' ')" = "1e 9e 2a 30 b0 aa e0 4b e0 cb 1 81 " ] || fail "other keys than those typed"
}

display_options() {
	local port

	port=$((20000 + $$ % 20000))
	serve "tcp=127.0.0.1:$port"
	command -v gvnccapture >/dev/null || fail "gvnccapture is missing: run tools/deps check"
	# Ports above 5900 as "display" numbers.
	timeout 30 gvnccapture -q "127.0.0.1:$((port - 5900))" "$dir/shot.png" >>"$dir/err" 2>&1 || fail "gvnccapture took no picture"
	[ "$(dd if="$dir/shot.png" bs=1 skip=16 count=8 status=none | od -An -tx1 | tr -d ' \n')" = 00000140000000c8 ] ||
		fail "not a picture of 320x200"
	client "127.0.0.1:$port" key=0xff1b
	ended 1
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/none/vnc"
	says "$dir/none/vnc"
	start 4 -l "kernel,$payload" -s "3,fbuf,tcp=nowhere:1"
	says "no IP address"
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc,w=100"
	says "w"
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc,vga=on"
	says "neither io nor off"
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc,password=123456789"
	says "maximum length is 8 characters"
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc" -s "4,fbuf,unix=$dir/vnc2"
	says "Only one frame buffer is allowed."
	start 4 -l "kernel,$payload" -s "3,fbuf,mem=fd:0,events=fd:0"
	says "not a sealed memory object"
	start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc" -K nowhere
	says "keyboard layout 'nowhere'"
	ZHYVE_VNC_BIN=/nonexistent start 4 -l "kernel,$payload" -s "3,fbuf,unix=$dir/vnc"
	says "zhyve-vnc ended before it was ready"
}

# SeaBIOS and the display's BIOS from the expansion ROM: its picture, and keys by int 16h.
display_seabios() {
	local rom=/usr/share/seabios/bios-256k.bin

	[ -r $rom ] || skip "there is no $rom (package seabios)"
	cp "$payload" "$dir/disk"
	truncate -s 1m "$dir/disk"
	"$zhyve" -m 64m -l com1,stdio -l bootrom,$rom -s 0,hostbridge -s 31,lpc -s "3,fbuf,unix=$dir/vnc,wait" \
		-s "4,virtio-blk,$dir/disk" display >"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	trap 'kill -9 $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
	for _ in {1..100}; do [ -S "$dir/vnc" ] && break || sleep 0.1; done
	# The machine has waited for this client.
	client "$dir/vnc" size=1024x768 colours=2
	said '[r]'
	client "$dir/vnc" colours=2 save="$dir/before.ppm" type=aB
	said '[B]'
	client "$dir/vnc" colours=2 save="$dir/after.ppm" key=0xff0d
	ended 1
	cmp -s "$dir/before.ppm" "$dir/after.ppm" && fail "the picture is the same after typing"
	grep -qaF '[a]' "$dir/out" || fail "the guest did not say [a]"
	[ "$(tail -n 1 "$dir/out")" = ok ] || fail "the guest did not say ok"
}
