#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden pools through the kernel: import with zused, mount through FUSE, compare every file, attribute and xattr of file
systems and of their snapshots in .zfs with the manifest; volumes as files; unmount, export, busy mounts.

usage: test_mount.py ZUSE_PROGRAM [NAME...]       TAP on standard output
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
POOLS = ["acl-nfsv4", "casesens", "mirror2", "mirror2-degraded", "nofeatures", "old-v1", "v24-features", "bclone"]

number = failed = 0


def tell(label, problems, skip=None):
    global number, failed
    number += 1
    failed += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {number} - {label}" + (f" # SKIP {skip}" if skip else ""), flush=True)
    for p in problems[:10]:
        print(f"#   {p}")


def unescape(text):
    out, i, raw = bytearray(), 0, text.encode("latin1")
    while i < len(raw):
        if raw[i:i + 2] == b"\\x":
            out.append(int(raw[i + 2:i + 4], 16))
            i += 4
        else:
            out.append(raw[i])
            i += 1
    return bytes(out)


def escape(name):
    return "".join(f"\\x{c:02x}" if c <= 0x20 or c >= 0x7f or c in b"\\;=" else chr(c) for c in os.fsencode(name))


def xattrs_of(path):
    out = []
    for name in os.listxattr(path, follow_symlinks=False):
        value = os.getxattr(path, name, follow_symlinks=False)
        text = value.hex() if len(value) <= 512 else f"sha256:{len(value)}:{hashlib.sha256(value).hexdigest()}"
        out.append(f"{escape(name)}={text}")
    return sorted(out)


def check_entry(path, f):
    st = os.lstat(path)
    problems = []
    have = [f"{st.st_mode & 0o7777:04o}", str(st.st_uid), str(st.st_gid), str(st.st_nlink), str(st.st_size),
            f"{st.st_mtime_ns // 10**9}.{st.st_mtime_ns % 10**9:09d}"]
    for name, a, b in zip(("mode", "uid", "gid", "nlink", "size", "mtime"), f[2:8], have):
        if a != b and not (name == "nlink" and f[0] == "."):
            problems.append(f"{path!r}: {name} {b} instead of {a}")
    if f[1] == "f":
        with open(path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != f[8]:
                problems.append(f"{path!r}: other contents")
    elif f[1] == "l" and os.readlink(path) != unescape(f[8]):
        problems.append(f"{path!r}: link to {os.readlink(path)!r}")
    elif f[1] in "bc" and f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}" != f[8]:
        problems.append(f"{path!r}: device {st.st_rdev:x}")
    if ([] if f[9] == "-" else sorted(f[9].split(";"))) != xattrs_of(path):
        problems.append(f"{path!r}: xattrs {xattrs_of(path)}")
    return problems


class Service:
    def __init__(self, program):
        self.program = program
        self.work = tempfile.mkdtemp(prefix="zuse-mount-")
        self.root = os.path.join(self.work, "mnt")
        os.mkdir(self.root)
        self.env = dict(os.environ, ZUSE_SOCKET=os.path.join(self.work, "s"), ZUSE_CACHEFILE="none")
        self.zused = subprocess.Popen([program, "zused", "--cachefile", "none"], env=self.env)
        for _ in range(100):
            if os.path.exists(self.env["ZUSE_SOCKET"]):
                break
            time.sleep(0.05)

    def run(self, *args):
        p = subprocess.run([self.program, *args], env=self.env, capture_output=True, text=True, timeout=120)
        return p.returncode, p.stdout, p.stderr

    def close(self):
        self.zused.terminate()
        code = self.zused.wait(timeout=60)
        shutil.rmtree(self.work, ignore_errors=True)
        return code


def unpack(name, to):
    with subprocess.Popen(["zstd", "-d", "--long=27", "-q", "-c", os.path.join(GOLDEN, name + ".tar.zst")],
                          stdout=subprocess.PIPE) as z:
        subprocess.run(["tar", "-xS", "-C", to], stdin=z.stdout, check=True)


def prepare(name, work):
    unpack(name, work)
    directory = os.path.join(work, name)
    if os.path.exists(os.path.join(directory, "BASE")):
        base = open(os.path.join(directory, "BASE")).read().strip()
        unpack(base, work)
        for f in os.listdir(os.path.join(work, base)):
            if f[0] == "d" and f[1:].isdigit():
                os.rename(os.path.join(work, base, f), os.path.join(directory, f))
        subprocess.run(["sh", "./damage.sh"], cwd=directory, check=True, stderr=subprocess.DEVNULL)
    return directory


def check_files(manifest, root, mounted):
    problems, entries, where = [], 0, None
    for line in open(manifest, encoding="latin1"):
        line = line.rstrip("\n")
        if line.startswith("## "):
            kind, name = line[3:].split(" ", 1)
            fs, _, snap = name.partition("@")
            where = None if kind == "volume" else os.path.join(root, fs).encode()
            if where is not None and where not in mounted:
                where = None  # canmount, mountpoint
            if snap and where is not None:
                where = os.path.join(where, b".zfs/snapshot", snap.encode())
            continue
        f = line.split("\t")
        if where is None or len(f) < 10 or f[0].split("/")[0] == ".zfs":
            continue
        path = os.path.join(where, unescape(f[0]))
        if f[0] != "." and path in mounted:
            continue
        entries += 1
        try:
            problems += check_entry(path, f)
        except OSError as e:
            problems.append(f"{path!r}: {e}")
    if entries == 0:
        problems.append("nothing was mounted")
    return problems


def case(service, name):
    directory = prepare(name, service.work)
    pool = open(os.path.join(directory, "MANIFEST.pool.txt"), encoding="latin1").readline().split()[-1]
    code, _, err = service.run("zpool", "import", "-d", directory, "-f", "-o", "readonly=on", "-R", service.root, pool)
    tell(f"{name}: import", [] if code == 0 else [err.strip()])
    _, text, _ = service.run("zfs", "mount")
    mounted = {line.split(None, 1)[1].encode() for line in text.splitlines() if line.startswith(pool)}
    tell(f"{name}: every entry", check_files(os.path.join(directory, "MANIFEST.files.tsv"), service.root, mounted))
    fd = os.open(os.path.join(service.root, pool), os.O_RDONLY)
    code, _, err = service.run("zpool", "export", pool)
    tell(f"{name}: export of a busy pool is refused", [] if code != 0 else ["it was exported"])
    os.close(fd)
    code, _, err = service.run("zpool", "export", pool)
    left = [l.split()[1] for l in open("/proc/mounts") if service.root in l]
    tell(f"{name}: export", ([err.strip()] if code != 0 else []) + left)
    shutil.rmtree(directory)


def main():
    program, wanted = os.path.realpath(sys.argv[1]), sys.argv[2:] or POOLS
    if not os.path.exists("/dev/fuse") or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("1..0 # SKIP /dev/fuse cannot be used here")
        return 0
    if os.geteuid() != 0 and shutil.which("fusermount3") is None:
        print("1..0 # SKIP fusermount3 is not installed")
        return 0
    if shutil.which("zstd") is None:
        print("1..0 # SKIP zstd is not installed")
        return 0
    if os.geteuid() != 0:
        wanted = [n for n in wanted if n not in ("acl-nfsv4",)]  # files only their owner may read
    service = Service(program)
    try:
        for name in wanted:
            case(service, name)
    finally:
        code = service.close()
    tell("zused ends well", [] if code == 0 else [f"exit status {code}"])
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
