#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What zoneadmd opens and reads itself, with something hostile in its place: rows of docs/jail-table.md.

usage: tests/jail/doors.py BUILD     (in tests/host/container or a virtual host, as root)

Two kinds. Paths: the zone's own uid tries to put a link, a FIFO or a folder where zoneadmd opens something, which
the zone path's mode must refuse; then root puts it there, as if that mode were not, and the zone is booted and halted: what
the link leads to must be as it was, and nobody may wait. There is nothing to race for: what was put there stands from
before zoneadmd's first look to after its last. Metadata: bytes that a guest writes to COM2, what is
answered, and a proper request that must be answered after them. Speaks TAP.
"""
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zlib

ZONE = "doors"
PATH = "/zones/" + ZONE
RUN = "/run/zones/" + ZONE
PATIENCE = 60

# Layers, in the table's words.
MODE = "zone path of root's alone"
NO_LINK = "no symbolic link below /zones"
REGULAR = "regular files only"
ANEW = "made anew, never opened"
FOLDER = "a folder only"
ALONE = None  # by the first layer alone: not tried as root

# What zoneadmd opens; what is put there; the layer that stops it besides MODE.
PATHS = (
    ("logs", "link to a folder", NO_LINK),
    ("logs/console.log", "link to a file", NO_LINK),
    ("logs/console.log", "hard link", ALONE),
    ("logs/console.log", "FIFO", REGULAR),
    ("logs/console.log", "folder", REGULAR),
    ("logs/platform.log", "link to a file", NO_LINK),
    ("logs/platform.log", "FIFO", REGULAR),
    ("logs/events.jsonl", "link to a file", NO_LINK),
    ("logs/events.jsonl", "FIFO", REGULAR),
    ("logs/zoneadmd.log", "link to a file", NO_LINK),
    ("logs/zoneadmd.log", "FIFO", REGULAR),
    ("config", "link to a folder", NO_LINK),
    ("config/uefivars.fd", "link to a file", NO_LINK),
    ("config/uefivars.fd", "hard link", ALONE),
    ("config/uefivars.fd", "FIFO", REGULAR),
    ("config/uefivars.fd", "folder", REGULAR),
    ("disk0.raw", "link to a file", NO_LINK),
    ("disk0.raw", "FIFO", REGULAR),
    ("tpm", "link to a folder", NO_LINK),
    ("tpm", "FIFO", FOLDER),
    ("lastexited", "link to a file", ANEW),
    ("lastbooted", "link to a file", ANEW),
    ("screenshot.png", "link to a file", ALONE),
)
# The same below /run/zones, which is root's too.
SOCKETS = (
    ("console", "link to a file", ANEW),
    ("control", "link to a file", ANEW),
    ("vm.vnc", "link to a file", ANEW),
    ("ledger.jsonl", "link to a file", NO_LINK),
)


def frame(rest, length=None, crc=None):
    """A request of version 2: its length and checksum are right unless they are given."""
    rest = rest.encode()
    return b"V2 %s %s %s" % (str(len(rest) if length is None else length).encode(),
                             crc or b"%08x" % zlib.crc32(rest), rest)


def b64(text):
    return base64.b64encode(text.encode()).decode()


def put(key, value):
    return frame("1 PUT " + b64(b64(key) + " " + b64(value)))


FAILS = "FAILURE\\x0a"
# What is written (a pair: its last byte so many times); what is answered, "V2": a failure of version 2; the layer.
METADATA = (
    ("a line of 70,000 bytes", (b"G", 70000), "", "bounded line"),
    ("a line of 70,000 bytes, then its end as a request", (b"x" * 3, 70000), "", "bounded line"),
    ("zero bytes", (b"GET sdc:uuid\0", 9), "", "text only"),
    ("all bytes there are", bytes(range(128, 256)), FAILS, "known commands only"),
    ("a path as a key", b"GET ../../../etc/shadow", "NOTFOUND\\x0a", "keys are no paths"),
    ("an absolute path as a key", b"GET /etc/shadow", "NOTFOUND\\x0a", "keys are no paths"),
    ("another zone's object", b"GET sdc:../other/customer_metadata.bait", "NOTFOUND\\x0a", "keys are no paths"),
    ("a format as a key", b"GET %n%n%n%s", "NOTFOUND\\x0a", "keys are no formats"),
    ("what the operator keeps", b"GET sdc:internal_metadata", "NOTFOUND\\x0a", "the operator's own"),
    ("a part of what the operator keeps", b"GET sdc:internal_metadata.bait", "NOTFOUND\\x0a", "the operator's own"),
    ("an index far away", b"GET sdc:nics.99999999999999999999.mac", "NOTFOUND\\x0a", "numbers are checked"),
    ("an index below 0", b"GET sdc:nics.-1.mac", "NOTFOUND\\x0a", "numbers are checked"),
    ("a control character in a key", b"GET a\x01b", FAILS, "text only"),
    ("GET of nothing", b"GET", "invalid command\\x0a", "whole requests only"),
    ("a blank line", b" ", "invalid command\\x0a", "whole requests only"),
    ("PUT in version 1", b"PUT a b", FAILS, "known commands only"),
    ("a frame that says it is longer", frame("1 GET " + b64("x"), length=4000000000), "", "length and checksum"),
    ("a frame whose length is below 0", frame("1 GET " + b64("x"), length=-1), "", "length and checksum"),
    ("a frame whose length has 40 digits", frame("1 GET " + b64("x"), length=int("9" * 40)), "", "length and checksum"),
    ("a frame with a wrong checksum", frame("1 GET " + b64("x"), crc=b"00000000"), "", "length and checksum"),
    ("a frame with a checksum of 3 digits", frame("1 GET " + b64("x"), crc=b"123"), "", "length and checksum"),
    ("half a frame", frame("1 GET " + b64("sdc:uuid"))[:20], "", "length and checksum"),
    ("a request number that is none", frame("../x GET " + b64("x")), "", "length and checksum"),
    ("a frame without a command", b"V2 1 83dcefb7 1", "", "whole requests only"),
    ("a command there is not", frame("1 EXEC " + b64("/bin/sh")), "V2", "known commands only"),
    ("GET of what is not base64", frame("1 GET !!!!"), "V2", "base64 of text only"),
    ("GET of a key with a zero byte", frame("1 GET " + b64("a\0b")), "V2", "base64 of text only"),
    ("PUT of what is not a pair", frame("1 PUT " + b64("onlyone")), "V2", "whole requests only"),
    ("PUT into sdc", put("sdc:uuid", "x"), "V2", "the operator's own"),
    ("DELETE in sdc", frame("1 DELETE " + b64("sdc:uuid")), "V2", "the operator's own"),
    ("PUT of a control character's key", put("a\nb", "x"), "V2", "text only"),
    ("PUT of what is no UTF-8", frame("1 PUT " + b64(b64("k") + " " + base64.b64encode(b"\xff\xfe").decode())), "V2", "text only"),
)


def rows():
    """(kind, attempt, layers) of each, for the table."""
    for places, top, mode in ((PATHS, PATH, MODE), (SOCKETS, RUN, "/run/zones of root's alone")):
        for place, kind, layer in places:
            yield "paths", "%s for %s" % (kind, os.path.join(top.replace(ZONE, "ZONE"), place)), ", ".join(filter(None, (mode, layer)))
    for name, _, _, layer in METADATA:
        yield "metadata", name, layer


def run(*cmd, env=None):
    try:
        p = subprocess.run(cmd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return 124, "it waits"
    return p.returncode, p.stdout.decode(errors="replace")


def must(*cmd, env=None):
    status, text = run(*cmd, env=env)
    if status != 0:
        raise SystemExit("doors: %s: %s" % (" ".join(cmd[:4]), text))


class Bait:
    """Files of root's, where a link leads; whatever happens to them is seen."""

    def __init__(self, top):
        self.file, self.folder = os.path.join(top, "victim"), os.path.join(top, "victims")
        os.mkdir(self.folder, 0o700)
        for path in (self.file, os.path.join(self.folder, "inside")):
            with open(path, "w", encoding="ascii") as f:
                f.write("as it was\n")
        self.before = self.look()

    def look(self):
        out = []
        for path in [self.file, self.folder] + sorted(os.path.join(self.folder, n) for n in os.listdir(self.folder)):
            st = os.lstat(path)
            text = b"" if os.path.isdir(path) else open(path, "rb").read()
            out.append((path, st.st_mode, st.st_uid, st.st_size, st.st_nlink, text))
        return out

    def put(self, kind, place):
        if kind == "link to a file":
            os.symlink(self.file, place)
        elif kind == "link to a folder":
            os.symlink(self.folder, place)
        elif kind == "hard link":
            os.link(self.file, place)
        elif kind == "FIFO":
            os.mkfifo(place)
        else:
            os.mkdir(place)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def as_uid(uid, what):
    """Does `what` come about, done by that uid?"""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            what()
        except PermissionError:
            os._exit(0)
        except OSError as e:
            print("# %s" % e, flush=True)
        os._exit(1)
    return os.waitpid(pid, 0)[1] != 0


class Doors:
    def __init__(self, build, top):
        self.top, self.bait = top, Bait(top)
        self.env = {"ZHYVE_BIN": os.path.join(build, "tests/jail/probe"), "SWTPM_BIN": "/usr/bin/true"}
        self.n = self.failed = 0

    def result(self, good, text, why=""):
        self.n += 1
        self.failed += not good
        if why and not good:
            print("# " + why)
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, text), flush=True)

    def setup(self):
        rom, size = os.path.join(self.top, "rom"), 65536
        for path in (rom, rom + ".vars"):
            with open(path, "wb") as f:
                f.truncate(size)
        attrs = {"bootrom": "%s,%s.vars" % (rom, rom), "ram": "64", "vnc-port": "0", "tpm": "true", "disk-process": "false"}
        must("zonecfg", "-z", ZONE, "create -b; set brand=bhyve; set zonepath=%s; set ip-type=exclusive; " % PATH + "".join(
            "add attr; set name=%s; set type=string; set value=\"%s\"; end; " % a for a in attrs.items()) +
            "add device; set match=%s/disk0.raw; add property (name=model,value=virtio); end; commit" % PATH)
        must("zoneadm", "-z", ZONE, "install")
        with open(PATH + "/disk0.raw", "wb") as f:
            f.truncate(1 << 20)
        os.chmod(PATH + "/disk0.raw", 0o600)
        os.makedirs("/zones/other/config")
        with open("/zones/other/config/metadata.json", "w", encoding="ascii") as f:
            f.write('{"customer_metadata": {"bait": "taken"}}')

    def zoneadm(self, word):
        return run("zoneadm", "-z", ZONE, word, env=self.env)

    def settle(self):
        """Until its zoneadmd has ended: then nobody removes what is in /run/zones any more."""
        end = time.monotonic() + PATIENCE
        while run("pgrep", "-f", "^[^ ]*zoneadmd -z %s( |$)" % ZONE)[0] == 0 and time.monotonic() < end:
            time.sleep(0.01)

    def one_path(self, top, place, kind, layer, uid):
        path, kept = os.path.join(top, place), os.path.join(self.top, "kept")
        text = "%s for %s" % (kind, path)
        os.makedirs(top, mode=0o700, exist_ok=True)  # as zoneadmd makes it
        if as_uid(uid, lambda: (os.rename(path, path + ".was") if os.path.lexists(path) else None, self.bait.put(kind, path))):
            self.result(False, text, "the zone's uid could put it there")
            return
        if layer is None:
            self.result(True, text)
            return
        if os.path.lexists(path):
            shutil.move(path, kept)
        self.bait.put(kind, path)
        before = self.bait.look()
        booted, said = self.zoneadm("boot")
        if booted == 0:
            self.zoneadm("halt")
        self.settle()
        after = self.bait.look()
        run("zoneadm", "list")
        remove(path)
        if os.path.lexists(kept):
            shutil.move(kept, path)
        refused = booted != 0 and os.path.basename(place) in said
        self.result(after == before and (booted == 0 or refused), text,
                    "%s; %s" % ("the bait has changed" if after != before else "as it was", said.strip()))

    def paths(self):
        with open("/etc/zones/%s.json" % ZONE, encoding="utf-8") as f:
            uid = 0x70000000 + json.load(f)["did"]
        status, text = self.zoneadm("boot")  # once as it is: all that it makes is there, and it can
        self.result(status == 0, "the zone boots", text)
        self.zoneadm("halt")
        self.settle()
        for top, places in ((PATH, PATHS), (RUN, SOCKETS)):
            for place, kind, layer in places:
                self.one_path(top, place, kind, layer, uid)

    def metadata(self):
        # A kernel instead of a boot ROM: it has words, which keep the program in zhyve's place from its own attempts.
        must("zonecfg", "-z", ZONE, "remove -F attr name=bootrom; add attr; set name=kernel; set type=string; set value=%s; end; "
             "add attr; set name=bootargs; set type=string; set value=quiet; end; commit" % self.bait.file)
        status, text = self.zoneadm("boot")
        self.result(status == 0, "the zone boots again, as it was", text)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(RUN + "/console")
        s.sendall(b"IDENT C 0\n")
        seen = b""
        for name, what, want, _ in METADATA:
            data, times = what if isinstance(what, tuple) else (what, 1)
            mark = len(seen)
            s.sendall(b"raw %d %s\r" % (times, data.hex().encode()))
            while b"raw: <" not in seen[mark:] or b">\r\n" not in seen[mark:].split(b"raw: <", 1)[1]:
                more = s.recv(65536)
                if not more:
                    raise SystemExit("doors: the console ended: %r" % seen[mark:])
                seen += more
            said = seen[mark:].split(b"raw: <", 1)[1].split(b">\r\n")[0].decode()
            good = said.startswith("V2 ") and " FAILURE" in said if want == "V2" else said == want
            self.result(good, name, "answered: '%s'" % said)
        s.close()
        self.result(run("zoneadm", "-z", ZONE, "list", "-p")[1].split(":")[2:3] == ["running"], "the zone runs on")
        with open(PATH + "/logs/events.jsonl", encoding="utf-8") as f:
            last = [json.loads(x)["event"] for x in f]
        self.result(last[-1] in ("running", "first-console-byte"), "and has not been started again", str(last[-5:]))
        self.zoneadm("halt")
        self.settle()

    def tear_down(self):
        self.zoneadm("halt")
        self.zoneadm("uninstall")
        run("zoneadm", "-z", ZONE, "uninstall", "-F")
        run("zonecfg", "-z", ZONE, "delete", "-F")
        remove("/zones/other")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__.split("\n\n")[1])
    with tempfile.TemporaryDirectory() as top:
        d = Doors(os.path.realpath(sys.argv[1]), top)
        try:
            d.setup()
            d.paths()
            d.metadata()
        finally:
            d.tear_down()
    print("1..%d" % d.n)
    return 1 if d.failed else 0


if __name__ == "__main__":
    sys.exit(main())
