#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads every golden pool through the engine and compares with its manifest.

usage: golden_check.py DUMP_PROGRAM [NAME...]

Archives come from tests/golden and, when present, from $ZUSE_FIXTURES (default ../shared/fixtures beside the source
tree), the pools of the OpenZFS test-suite in its upstream/ included. Each pool is one case; output is TAP.
"""
import bz2
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.environ.get("ZUSE_FIXTURES", os.path.join(HERE, "..", "..", "..", "shared", "fixtures"))
FIELDS = ["type", "mode", "uid", "gid", "nlink", "size", "mtime", "content", "xattrs"]

# Options of golden_dump, and what the manifest of a fixture cannot be compared with.
OPTIONS = {"destroyed": ["-o", "destroyed"]}
KEYS = {
    "encrypted": [("gcm-pass", "pass"), ("ccm-raw", "raw256"), ("gcm128-hex", "hex256"), ("ccm128", "raw256"),
                  ("czvol", "raw256"), ("encdedup", "raw256"), ("gcm192", "pass2"),
                  ("gcm-pass/ownroot", "pass2")],
}
# Read-only import does not replay the intent log (nor does OpenZFS's): the manifest is the state after replay.
UNREPLAYED = {"zil-dirty", "zil-dirty-enc"}


def parse(path):
    """dataset -> {path -> fields}, volumes as {"": "hash size"}, skipped datasets as None."""
    out, current = {}, None
    with open(path, encoding="latin1") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("## "):
                current = line[3:].split(" ", 1)[1]
                out[current] = {}
            elif line.startswith(("#", "NOZDEV")):
                out[current] = None
            elif out.get(current) is not None:
                fields = line.split("\t")
                out[current]["" if len(fields) == 1 else fields[0]] = fields[1:] if len(fields) > 1 else line
    return out


def info_of(field):
    return dict(part.split("=", 1) for part in field.split(","))


def compare_entry(where, want, have, snapshot, problems):
    if isinstance(want, str) or isinstance(have, str):
        if want != have:
            problems.append(f"{where}: {have} instead of {want}")
        return
    for name, a, b in zip(FIELDS, want, have):
        if name == "xattrs":
            a, b = sorted(a.split(";")), sorted(b.split(";"))
        if name == "nlink" and where.endswith(" .") and a != b:
            continue  # a visible .zfs counts as a subdirectory
        if a != b:
            problems.append(f"{where}: {name} {b} instead of {a}")
    a, b = info_of(want[9]), info_of(have[9])
    for key in ("ino", "blocks", "btime", "ctime", "proj"):
        if key == "ino" and snapshot and where.endswith(" ."):
            continue  # an automounted root shows the control directory's number
        if a.get(key) not in (None, "?", "-1") and a[key] != b.get(key):
            problems.append(f"{where}: {key} {b.get(key)} instead of {a[key]}")


def compare(want, have):
    problems = []
    for dataset, entries in sorted(want.items()):
        if entries is None:
            continue
        if have.get(dataset) is None:
            problems.append(f"{dataset}: missing")
            continue
        mine = have[dataset]
        for path in sorted(set(entries) | set(mine)):
            if path.split("/")[0] == ".zfs":
                continue
            where = f"{dataset} {path}"
            if path not in entries or path not in mine:
                problems.append(f"{where}: only in {'manifest' if path in entries else 'what was read'}")
            else:
                compare_entry(where, entries[path], mine[path], "@" in dataset, problems)
    return problems


def unpack(archive, to):
    with subprocess.Popen(["zstd", "-d", "--long=27", "-q", "-c", archive], stdout=subprocess.PIPE) as z:
        subprocess.run(["tar", "-xS", "-C", to], stdin=z.stdout, check=True)


def archives():
    found = {}
    for where in (FIXTURES, HERE):
        if os.path.isdir(where):
            for name in sorted(os.listdir(where)):
                if name.endswith(".tar.zst"):
                    found[name[:-8]] = os.path.join(where, name)
    return found


def run_dump(program, args):
    out = tempfile.NamedTemporaryFile("w", delete=False, suffix=".dump")
    with out:
        p = subprocess.run([program] + args, stdout=out, stderr=subprocess.PIPE, timeout=600)
    return out.name, p.returncode, p.stderr.decode(errors="replace")


def pool_name(directory):
    with open(os.path.join(directory, "MANIFEST.pool.txt"), encoding="latin1") as f:
        return f.readline().split()[-1]


def prepare(name, found, tmp):
    """Directory with the images; a damaged variant gets a copy of its base, damaged by its script."""
    unpack(found[name], tmp)
    directory = os.path.join(tmp, name)
    base = os.path.join(directory, "BASE")
    if os.path.exists(base):
        with open(base) as f:
            base = f.read().strip()
        if base not in found:
            return None
        unpack(found[base], tmp)
        for image in os.listdir(os.path.join(tmp, base)):
            if re.fullmatch(r"d\d+", image):
                os.rename(os.path.join(tmp, base, image), os.path.join(directory, image))
        shutil.rmtree(os.path.join(tmp, base))
        subprocess.run(["sh", "./damage.sh"], cwd=directory, check=True, stderr=subprocess.DEVNULL)
    return directory


def check(program, directory, pool, manifest, options):
    dump, code, err = run_dump(program, ["-d", directory] + options + [pool])
    try:
        if code != 0:
            return [f"golden_dump ended with {code}: {err.strip()[:300]}"]
        problems = compare(parse(manifest), parse(dump))
        if problems and err:
            problems.append(err.strip()[:300])
        return problems
    finally:
        os.unlink(dump)


def cases_of(name, directory, pool):
    """(label, manifest, options) of a fixture."""
    keys = []
    for dataset, key in KEYS.get(name, []):
        keys += ["-k", f"{pool}/{dataset}={os.path.join(directory, 'keys', key)}"]
    yield name, os.path.join(directory, "MANIFEST.files.tsv"), OPTIONS.get(name, []) + keys
    if name == "checkpoint":
        yield name + " rewound", os.path.join(directory, "rewound", "MANIFEST.files.tsv"), ["-o", "checkpoint"]


# ---- the OpenZFS test-suite's pools ----

def upstream_sets(root):
    """manifest name -> list of packed images."""
    sets = {}
    for group in ("cli_root_zpool_upgrade_blockfiles", "cli_root_zpool_import_blockfiles"):
        directory = os.path.join(root, group)
        for f in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            base = f.replace(".dat.bz2", "")
            m = re.fullmatch(r"(zfs-pool-v\d+(?:mirror|stripe|hotspare))[123]|(zfs-pool-v[12]raidz)[123]|"
                             r"(zfs-pool-v3raidz)[123]|(zfs-pool-v3raidz2)[123]|(zfs-broken-mirror)[12]", base)
            key = base
            if m:
                key = next(g for g in m.groups() if g)
                key += "g" if key == "zfs-pool-v3raidz2" else ""
            sets.setdefault(key, []).append(os.path.join(directory, f))
    return sets


def upstream_cases(program, tmp):
    root = os.path.join(FIXTURES, "upstream")
    if not os.path.isdir(root):
        return
    unpack(os.path.join(root, "manifests.tar.zst"), tmp)
    for name, images in sorted(upstream_sets(root).items()):
        manifest = os.path.join(tmp, "manifests", name, "MANIFEST.files.tsv")
        if not os.path.exists(manifest) or os.path.getsize(manifest) == 0:
            continue
        directory = os.path.join(tmp, "up-" + name)
        os.mkdir(directory)
        for image in images:
            with open(os.path.join(directory, os.path.basename(image)[:-4]), "wb") as f:
                f.write(bz2.decompress(open(image, "rb").read()))
        with open(manifest) as f:
            pool = f.readline().split()[-1].split("/")[0]
        yield "upstream " + name, check(program, directory, pool, manifest, [])
        shutil.rmtree(directory)


def main():
    program, wanted = sys.argv[1], sys.argv[2:]
    found, number, failed = archives(), 0, 0

    def tell(label, problems, skip=None):
        nonlocal number, failed
        number += 1
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {label}" + (f" # SKIP {skip}" if skip else ""), flush=True)
        for p in problems[:12]:
            print(f"#   {p}")
        if len(problems) > 12:
            print(f"#   and {len(problems) - 12} more")

    if shutil.which("zstd") is None:
        print("1..0 # SKIP zstd is not installed")
        return 0
    for name in sorted(found):
        if wanted and name not in wanted:
            continue
        if name in UNREPLAYED:
            tell(name, [], "its intent log is replayed by a writable import only")
            continue
        with tempfile.TemporaryDirectory(prefix="zuse-golden-") as tmp:
            directory = prepare(name, found, tmp)
            if directory is None:
                tell(name, [], "its base fixture is not here")
                continue
            pool = pool_name(directory)
            for label, manifest, options in cases_of(name, directory, pool):
                tell(label, check(program, directory, pool, manifest, options))
    if not wanted or "upstream" in wanted:
        with tempfile.TemporaryDirectory(prefix="zuse-golden-") as tmp:
            for label, problems in upstream_cases(program, tmp):
                tell(label, problems)
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
