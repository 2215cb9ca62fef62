#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# host: group=virtio time=150
#
# virtio-console, virtio-balloon and virtio-vsock under a stock kernel: lines and sockets between guest and host carry what is put into
# them, byte for byte, and the guest fills its balloon. And a nic with several queues. One boot of a tiny guest.
set -eu
# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../lib.sh"
tool=${VSOCK_CAT:-$top/build/tests/host/vsock_cat}

tiny_with "$T/initrd" "virtio_pci virtio_net virtio_console virtio_balloon vmw_vsock_virtio_transport" "$tool" <<'SH'
port() { # NAME: its device
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat "$p/name")" != "$1" ] || echo "/dev/${p##*/}"
	done
}
ip addr add 10.77.5.2/24 dev eth0
ip link set eth0 up
echo "guest: queues $(ls /sys/class/net/eth0/queues | grep -c rx), speed $(cat /sys/class/net/eth0/speed)"
ping -c 3 -W 5 10.77.5.1 >/dev/null && echo "guest: ping answered"
for name in org.zhyve.bulk second; do echo "guest: port $name $(port $name)"; done
exec 3<>"$(port org.zhyve.bulk)"
echo "guest: bulk $(head -c 3000000 <&3 | tee /tmp/bulk | sha256sum)"
cat /tmp/bulk >&3
rm /tmp/bulk
echo "to the second" >"$(port second)"
echo "guest: hvc $(stty -F /dev/hvc0 size)"
dd if=/dev/urandom of=/tmp/mine bs=1M count=3 2>/dev/null
echo "guest: mine $(sha256sum </tmp/mine)"
echo "guest: asked $(echo "guest calling" | vsock_cat connect 7)"
vsock_cat connect 8 </dev/null && echo "guest: port 8 answers" || echo "guest: port 8 refused"
echo "guest: listens"
echo "guest: theirs $(vsock_cat listen 1000 </tmp/mine | sha256sum)"
rm /tmp/mine
i=0
while [ $i -lt 50 ] && [ "$(awk '/^balloon_inflate / { print $2 }' /proc/vmstat)" -lt 16384 ]; do
	sleep 0.2
	i=$((i + 1))
done
echo "guest: balloon $(awk '/^balloon_inflate / { print $2 }' /proc/vmstat)"
echo "guest: end"
sleep 0.5
echo c >/proc/sysrq-trigger
SH

ip tuntap add dev zvt5 mode tap vnet_hdr multi_queue
t_atexit ip link del zvt5
ip addr add 10.77.5.1/24 dev zvt5
ip link set zvt5 up

cat >"$T/peers.py" <<'PY'
import hashlib, os, socket, sys, threading, time
dir = sys.argv[1]
def dial(name):
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(dir + "/" + name)
            return s
        except OSError:
            time.sleep(0.1)
def read(s, n):
    got = b""
    while len(got) < n and (more := s.recv(n - len(got))):
        got += more
    return got
def say(what, text):
    open(dir + "/said." + what, "w").write(text)
def bulk():
    data, s = os.urandom(3000000), dial("bulk.sock")
    say("bulk-sum", hashlib.sha256(data).hexdigest())
    back = []
    t = threading.Thread(target=lambda: back.append(read(s, len(data))))
    t.start()
    s.sendall(data)
    t.join()
    say("bulk", "same" if back[0] == data else "%d bytes" % len(back[0]))
def second():
    say("second", read(dial("second.sock"), 14).decode())
def service():
    s = dial("seven.sock")
    s.sendall(b"host answering\n")
    say("asked", read(s, 100).decode())
def client():
    while True:
        s = dial("host.sock")
        s.sendall(b"CONNECT 1000\n")
        answer = s.makefile("rb", 0).readline()
        if answer.startswith(b"OK "):
            break
        time.sleep(0.3)
    data = os.urandom(3000000)
    say("theirs-sum", hashlib.sha256(data).hexdigest())
    def give():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    threading.Thread(target=give).start()
    say("mine", hashlib.sha256(read(s, 3 << 20)).hexdigest())
for f in bulk, second, service, client:
    threading.Thread(target=f, daemon=True).start()
time.sleep(120)
PY
python3 "$T/peers.py" "$T" 2>"$T/peers.err" &
t_atexit kill $!

t_run "a guest with lines, sockets and a balloon runs until it panics, which panic=-1 makes a reset" 0 timeout 140 \
	zhyve -m 256m -c 1 -P -H -s 0,hostbridge -s 31,lpc -l com1,stdio \
	-s "3,virtio-console,a.console=$T/hvc.sock,org.zhyve.bulk=$T/bulk.sock,second=$T/second.sock,console,cols=90,rows=30" \
	-s 4,virtio-balloon,target=192m -s "5,virtio-vsock,cid=77,path=$T/host.sock,port.7=$T/seven.sock" \
	-s 6,virtio-net-viona,zvt5,qpair=2,speed=2500,rxvqsize=64 \
	-l "kernel,$cache/vmlinux,initrd=$T/initrd" -o boot.cmdline="$quick panic=-1" ports
out=$(tr -d '\r' <<<"$t_out")
said() { cat "$T/said.$1" 2>/dev/null || echo nothing; }
sum() { sed -n "s/.*guest: $1 \([0-9a-f]*\).*/\1/p" <<<"$out" | tail -n 1; }

t_like "a nic with two pairs of queues on one processor uses one, and has its speed" "$out" 'guest: queues 1, speed 2500'
t_like "and its frames flow" "$out" 'guest: ping answered'
t_like "the ports have their names" "$out" 'guest: port second /dev/vport'
t_is "3 MB arrive in the guest's port unharmed" "$(sum bulk)" "$(said bulk-sum)"
t_is "and come back unharmed" "$(said bulk)" same
t_is "the second port is another line" "$(said second)" "to the second"
t_like "the first port is a console of the size that was told" "$out" 'guest: hvc (30 90|90 30)'
t_like "the guest reaches a service of the host's" "$out" 'guest: asked host answering'
t_is "which hears it" "$(said asked)" "guest calling"
t_like "a port that was not named refuses" "$out" 'guest: port 8 refused'
t_is "a client of the host's sends 3 MB to the guest" "$(sum theirs)" "$(said theirs-sum)"
t_is "and gets 3 MiB of it" "$(said mine)" "$(sum mine)"
t_like "the guest fills its balloon" "$out" 'guest: balloon 16384'
t_like "its panic is on the console" "$out" "Kernel panic"
t_is "no complaints" "$t_err$(cat "$T/peers.err")" ""
t_done
