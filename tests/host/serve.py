# SPDX-License-Identifier: BSD-2-Clause
"""A server for the tiny guest (netsum, netsend of tests/host/tiny-init): port 7001 sends a file, port 7002 takes what comes.

usage: python3 tests/host/serve.py ADDRESS FILE SUM

One connection of each kind. The SHA-256 of what has come is written to SUM.
"""
import hashlib, socket, sys, threading
addr, src, out = sys.argv[1:]
data = open(src, "rb").read()
def serve(port, work):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    s.listen()
    work(s.accept()[0])
def take(c):
    h = hashlib.sha256()
    while b := c.recv(1 << 16):
        h.update(b)
    open(out, "w").write(h.hexdigest())
def give(c):
    c.sendall(data)
    c.close()
threads = [threading.Thread(target=serve, args=a) for a in ((7001, give), (7002, take))]
[t.start() for t in threads]
[t.join() for t in threads]
