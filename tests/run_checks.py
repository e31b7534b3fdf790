#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make check` runs: every kind of test that can run here, in order from cheap to dear.

Each step counts tests that passed, failed and were skipped. A step whose tool is missing counts one skip
with its reason. Failures and skips are listed at the end; the last line is the sum. Works as root and as
an ordinary user, without a network, and writes only below build-check/.

Programs report in one of four ways, which are told apart by their output: cmocka's "[  OK  ] case"
lines, TAP ("ok 1 - case", "not ok", "ok 2 # SKIP reason"), "FAIL case" lines and a last line "N passed, N
failed", or just an exit code (0 passed, 77 skipped with the reason in the last line of output, anything
else failed).
"""

import argparse
import concurrent.futures
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-check"
FORMAT_VERSION = "14"  # of clang-format: others lay out differently
CMOCKA = re.compile(r"^\[\s+(OK|FAILED|SKIPPED|ERROR)\s+\] (\S+)$")
TAP = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*([^#]*?)\s*(?:#\s*(\w+)\s*(.*))?$")


class Results:
    """Counts, and the names and reasons that the summary lists."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def ok(self, count=1):
        self.passed += count

    def fail(self, name, output=""):
        self.failed.append(name)
        lines = [l for l in output.strip().splitlines() if not re.match(r"\[\d+/\d+\] |(/\S+/)?(ccache )?(gcc|clang) ", l)][-60:]
        print(f"--- FAILED: {name}", *("    " + line for line in lines), sep="\n", flush=True)

    def skip(self, name, reason):
        self.skipped.append((name, reason))

    def add_output(self, name, code, output, rundown=True):
        """Count the cases a program reported; its exit code counts if it tells another story."""
        before = len(self.failed)
        cases = cases_cmocka(output) or cases_tap(output)
        summary = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
        if not cases and summary:
            self.ok(int(summary[1]))
            for line in re.findall(r"^FAIL (.+)$", output, re.M):
                self.fail(f"{name}: {line}", output if len(self.failed) == before else "")
            if len(self.failed) == before and (code != 0 or summary[2] != "0"):
                self.fail(f"{name} (exit code {code})", output)
            return
        if not cases:
            if code == 0:
                self.ok()
            elif code == 77:
                last = (output.strip().splitlines() or ["no reason given"])[-1]
                self.skip(name, last.removeprefix("skipped: ").removeprefix("SKIP: "))
            else:
                self.fail(f"{name} (exit code {code})", output)
            return
        for case, state, reason in cases:
            if state == "ok":
                self.ok()
            elif state == "skip":
                self.skip(f"{name}: {case}", reason)
            else:
                self.fail(f"{name}: {case}", output if len(self.failed) == before else "")
        if code not in (0, 77) and len(self.failed) == before:
            self.fail(f"{name} (exit code {code})", output)


def cases_cmocka(output):
    cases, said, listed = [], "", False
    for line in output.splitlines():
        match = CMOCKA.match(line)
        if line.startswith("[==========]") and "run." in line:
            listed = True  # cmocka repeats the names of skipped and failed cases
        elif line.startswith("[==========]"):
            listed = False
        elif line.startswith("[ RUN"):
            said = ""
        elif match and not listed:
            state = {"OK": "ok", "SKIPPED": "skip"}.get(match[1], "fail")
            cases.append((match[2], state, said or "no reason given"))
        elif line.strip() and not line.startswith("["):
            said = line.strip().removeprefix("skipped: ")
    return cases


def cases_tap(output):
    cases = []
    for line in output.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        name = match[2] or f"case {len(cases) + 1}"
        if (match[3] or "").upper() == "SKIP":
            cases.append((name, "skip", match[4] or "no reason given"))
        else:
            cases.append((name, "fail" if match[1] else "ok", ""))
    return cases


def run(command, timeout=None, env=None, cwd=ROOT):
    """(exit code, output); never raises."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, timeout=timeout, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as e:
        text = e.stdout.decode(errors="replace") if isinstance(e.stdout, bytes) else (e.stdout or "")
        return 124, text + f"\ntimed out after {timeout} s"
    except OSError as e:
        return 127, str(e)


def have(tool):
    return shutil.which(tool) is not None


def compiler(name):
    return f"ccache {name}" if have("ccache") else name


def tracked(*patterns):
    """Files of the project; without git (a tarball) whatever is in the tree."""
    code, out = run(["git", "ls-files", "--", *patterns])
    if code == 0 and out.strip():
        return [f for f in out.splitlines() if (ROOT / f).exists()]
    return sorted(str(p.relative_to(ROOT)) for pattern in patterns for p in ROOT.glob(f"**/{pattern}")
                  if not p.relative_to(ROOT).parts[0].startswith("build"))


def tests_environment():
    env = dict(os.environ, LC_ALL="C.UTF-8", CMOCKA_MESSAGE_OUTPUT="STDOUT")
    fixtures = ROOT.parent / "shared" / "fixtures"
    if "ZUSE_FIXTURES" not in env:  # the repository has the most telling ones
        env["ZUSE_FIXTURES"] = str(fixtures if fixtures.is_dir() else ROOT / "tests" / "golden")
    env["PATH"] = env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # zdb, for ordinary users
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1")
    return env


class Checks:
    def __init__(self, options):
        self.options, self.results, self.env = options, Results(), tests_environment()

    # --- building ---------------------------------------------------------------------------

    def build(self, name, cc, *meson_args, wanted=None):
        """Configure and build BUILD/name; its path, or None after counting a failure. wanted: a pattern of
        the targets to build, all by default."""
        where = BUILD / name
        env = dict(self.env, CC=compiler(cc))
        if not (where / "build.ninja").exists():
            shutil.rmtree(where, ignore_errors=True)
            code, out = run(["meson", "setup", str(where), *meson_args, *self.options.meson_arg], env=env)
            if code != 0:
                self.results.fail(f"{name}: configure", out)
                return None
        targets = []
        if wanted:
            listed = run(["ninja", "-C", str(where), "-t", "targets", "all"])[1]
            targets = sorted(set(re.findall(rf"^({wanted}): \w*LINKER", listed, re.M))) or ["build.ninja"]
        code, out = run(["ninja", "-C", str(where), "-j", str(self.options.jobs), *targets], env=env)
        if code != 0:
            self.results.fail(f"{name}: build", out)
            return None
        self.results.ok()
        return where

    def sanitizer_works(self, cc, flag):
        """Compile and run a program under it; the command prefix that is needed, None if none helps."""
        with tempfile.TemporaryDirectory() as tmp:
            source, program = Path(tmp, "t.c"), str(Path(tmp, "t"))
            source.write_text("int main(void) { return 0; }\n")
            if run([*cc.split(), f"-fsanitize={flag}", str(source), "-o", program])[0] != 0:
                return None
            for prefix in ([], ["setarch", platform.machine(), "-R"]):  # some kernels randomise too far
                if run([*prefix, program], timeout=20)[0] == 0:
                    return prefix
        return None

    # --- running ----------------------------------------------------------------------------

    def meson_tests(self, where, label, prefixes=None, wrap=None):
        code, out = run(["meson", "introspect", "--tests", str(where)])
        if code != 0:
            self.results.fail(f"{label}: list of tests", out)
            return
        names = [t["name"] for t in json.loads(out)]
        if prefixes is not None:
            names = [n for n in names if n.startswith(tuple(prefixes))]
        if not names:
            self.results.skip(label, "there are no such tests yet")
            return
        log = where / "meson-logs" / "testlog.json"
        log.unlink(missing_ok=True)
        command = ["meson", "test", "-C", str(where), "--no-rebuild", "--num-processes",
                   str(self.options.jobs), "-t", "3" if label != "default" else "1"]
        if wrap:
            command += ["--wrap", " ".join(wrap)]
        env = dict(self.env)
        code, out = run(command + names, timeout=self.options.timeout, env=env)
        seen = set()
        for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
            test = json.loads(line)
            name = test["name"].split(" / ")[-1]  # meson may put the suite in front
            seen.add(name)
            text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
            status = test.get("returncode", 0)
            if test["result"] == "TIMEOUT":
                self.results.fail(f"{label}: {name} (timed out)", text)
            else:
                self.results.add_output(f"{label}: {name}", status, text)
        for name in names:
            if name not in seen:
                self.results.fail(f"{label}: {name} (did not run)", out)
                out = ""

    # --- steps ------------------------------------------------------------------------------

    def step_default(self):
        """default build; every test that Meson knows"""
        where = self.build("default", "gcc" if have("gcc") else "cc")
        if where:
            self.meson_tests(where, "default")

    def step_clang(self):
        """the other compiler accepts it, optimised (the tsan step builds with it too)"""
        if not have("clang"):
            self.results.skip("clang", "clang is not installed")
            return
        self.build("clang", "clang")

    def step_asan(self):
        """unit, golden and seed tests under address and undefined-behaviour checkers, with lock ranks"""
        cc = "gcc" if have("gcc") else "clang"
        prefix = self.sanitizer_works(cc, "address,undefined")
        if prefix is None:
            self.results.skip("asan", f"{cc} has no working address sanitizer here")
            return
        # gcc warns of what cannot happen when sanitizers rewrite the code; the other builds are strict.
        where = self.build("asan", cc, "-Db_sanitize=address,undefined", "-Dlock_ranks=true", "-Db_lundef=false",
                           "-Doptimization=1", "-Dwerror=false")
        if where:
            self.meson_tests(where, "asan", ["unit/", "golden/", "fuzz/"], prefix)

    def step_tsan(self):
        """unit tests under the thread checker, with lock ranks"""
        for cc in ("clang", "gcc"):
            prefix = self.sanitizer_works(cc, "thread") if have(cc) else None
            if prefix is not None:
                break
        else:
            self.results.skip("tsan", "no compiler with a working thread sanitizer here")
            return
        where = self.build("tsan", cc, "-Db_sanitize=thread", "-Dlock_ranks=true", "-Db_lundef=false",
                           "-Doptimization=1")
        if where:
            self.meson_tests(where, "tsan", ["unit/"], prefix)

    def step_fuzz(self):
        """a short run of each fuzz target from its seeds"""
        if not have("clang") or self.sanitizer_works("clang", "fuzzer-no-link,address") is None:
            self.results.skip("fuzz", "clang with libFuzzer is not installed")
            return
        where = self.build("fuzz", "clang", "-Dfuzz=true", "-Db_lundef=false", "-Doptimization=1",
                           wanted=r"tests/fuzz/fuzz_\w+")
        if not where:
            return
        targets = sorted(p for p in (where / "tests" / "fuzz").glob("fuzz_*") if os.access(p, os.X_OK) and p.is_file())
        if not targets:
            self.results.skip("fuzz", "there are no fuzz targets yet")
            return
        seconds = max(3, self.options.fuzz_seconds * self.options.jobs // len(targets))
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            jobs = {t.name: pool.submit(self.fuzz_one, t, seconds) for t in targets}
        for name, job in jobs.items():
            code, out = job.result()
            if code == 0:
                self.results.ok()
            else:
                self.results.fail(f"fuzz: {name}", out)

    def fuzz_one(self, target, seconds):
        work = BUILD / "fuzz-work" / target.name
        work.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "tests" / "fuzz" / "seeds" / target.name.removeprefix("fuzz_")
        command = [str(target), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=262144",
                   "-print_final_stats=0", f"-artifact_prefix={work}/", str(work)]
        if seeds.is_dir():
            command.append(str(seeds))
        return run(command, timeout=seconds + 120, env=self.env)

    def step_format(self):
        """sources are laid out as clang-format does"""
        if not have("clang-format"):
            self.results.skip("format", "clang-format is not installed")
            return
        version = re.search(r"version (\d+)", run(["clang-format", "--version"])[1])
        if not version or version[1] != FORMAT_VERSION:
            self.results.skip("format", f"clang-format is not version {FORMAT_VERSION}; others lay out differently")
            return
        code, out = run(["clang-format", "--dry-run", "-Werror", *tracked("*.c", "*.h")])
        if code == 0:
            self.results.ok()
        else:
            files = sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: error", out, re.M)))
            self.results.fail("format", "not formatted:\n" + "\n".join(files))

    def step_scripts(self):
        """shell and Python sources parse; shellcheck where installed"""
        for f in tracked("*.sh", ".ci/run"):
            shell = "bash" if "bash" in (ROOT / f).read_text(errors="replace").splitlines()[0] else "sh"
            code, out = run([shell, "-n", f])
            if code == 0 and have("shellcheck"):
                code, out = run(["shellcheck", "-S", "warning", f])
            self.results.ok() if code == 0 else self.results.fail(f"scripts: {f}", out)
        for f in tracked("*.py"):
            try:
                compile((ROOT / f).read_text(), f, "exec")
                self.results.ok()
            except SyntaxError as e:
                self.results.fail(f"scripts: {f}", str(e))

    def step_floors(self):
        """a file includes only headers of its own floor and of floors above it (docs/architecture.md)"""
        order = re.search(r"foreach floor : \[(.*?)\]", (ROOT / "meson.build").read_text(), re.S)
        floors = re.findall(r"'(\w+)'", order[1])
        bad = []
        for f in tracked("src/*.c", "src/*.h"):
            here = Path(f).parts[1]
            if here not in floors:
                continue
            for line in (ROOT / f).read_text(errors="replace").splitlines():
                match = re.match(r'\s*#\s*include\s+"(\w+)/', line)
                if match and match[1] in floors and floors.index(match[1]) > floors.index(here):
                    bad.append(f"{f}: {line.strip()}")
        self.results.fail("floors", "\n".join(bad)) if bad else self.results.ok()

    def step_cppcheck(self):
        """cppcheck finds nothing"""
        if not have("cppcheck"):
            self.results.skip("cppcheck", "cppcheck is not installed")
            return
        cache = BUILD / "cppcheck"
        cache.mkdir(parents=True, exist_ok=True)
        code, out = run(["cppcheck", "--enable=warning,portability,performance", "--std=c11", "--inline-suppr",
                         "--suppressions-list=tests/cppcheck.suppress", "--error-exitcode=1", "--quiet",
                         f"--cppcheck-build-dir={cache}", "-j", str(self.options.jobs), "-Isrc", "-D_GNU_SOURCE",
                         "-DHAVE_URING=1", "-DHAVE_NBD=1", "-DHAVE_ISAL=1", "-DHAVE_BLKID=1",
                         "-D__BYTE_ORDER__=1234", "-D__ORDER_LITTLE_ENDIAN__=1234", "src"], timeout=900)
        self.results.ok() if code == 0 else self.results.fail("cppcheck", out)

    def step_tidy(self):
        """clang-tidy finds nothing"""
        database = next((d for d in (BUILD / b / "compile_commands.json" for b in ("clang", "tsan")) if d.exists()), None)
        if not have("clang-tidy") or database is None:
            self.results.skip("tidy", "clang-tidy or a build with clang is not there")
            return
        def one(f):
            return f, *run(["clang-tidy", "--quiet", "-p", str(database.parent), f], timeout=300)
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for f, code, out in pool.map(one, tracked("src/*.c")):
                self.results.ok() if code == 0 else self.results.fail(f"tidy: {f}", out)

    def step_portability(self):
        """other architectures and C libraries, as far as their tools are installed"""
        code, out = run(["tests/portability.sh", str(BUILD)], timeout=self.options.timeout, env=self.env)
        self.results.add_output("portability", code, out)


STEPS = ["default", "floors", "scripts", "format", "asan", "cppcheck", "fuzz", "tsan", "portability", "clang", "tidy"]
DEAR = {"clang", "tidy"}  # only with --all or by name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="steps: " + "; ".join(f"{s}: {getattr(Checks, 'step_' + s).__doc__}" for s in STEPS))
    parser.add_argument("--only", help="comma-separated steps")
    parser.add_argument("--without", default="", help="comma-separated steps to leave out")
    parser.add_argument("--all", action="store_true", help="also the dear steps: " + ", ".join(sorted(DEAR)))
    parser.add_argument("--ci", action="store_true", help="start afresh")
    parser.add_argument("-j", "--jobs", type=int, default=min(os.cpu_count() or 2, 8))
    parser.add_argument("--fuzz-seconds", type=int, default=60, help="about how long fuzzing takes")
    parser.add_argument("--minutes", type=float, default=600, help="start no step after that long")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for the tests of one step")
    parser.add_argument("--meson-arg", action="append", default=[], help="passed to every meson setup")
    options = parser.parse_args()

    steps = options.only.split(",") if options.only else [s for s in STEPS if options.all or s not in DEAR]
    steps = [s for s in steps if s not in options.without.split(",")]
    unknown = [s for s in steps if s not in STEPS]
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}")
    for tool in ("meson", "ninja"):
        if not have(tool):
            print(f"{tool} is missing: packaging/install-deps.sh installs what is needed", file=sys.stderr)
            return 2
    if options.ci:
        shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(exist_ok=True)

    checks = Checks(options)
    results = checks.results
    begin = time.monotonic()
    for step in steps:
        if time.monotonic() - begin > options.minutes * 60:
            results.skip(step, f"no time left after {options.minutes:g} minutes")
            continue
        print(f"== {step}: {getattr(checks, 'step_' + step).__doc__}", flush=True)
        start, passed, failed, skipped = time.monotonic(), results.passed, len(results.failed), len(results.skipped)
        getattr(checks, "step_" + step)()
        print(f"   {results.passed - passed} passed, {len(results.failed) - failed} failed, "
              f"{len(results.skipped) - skipped} skipped, {time.monotonic() - start:.0f} s", flush=True)
    print()
    for name, reason in results.skipped:
        print(f"skipped: {name}: {reason}")
    for name in results.failed:
        print(f"failed: {name}")
    print(f"{results.passed} passed, {len(results.failed)} failed, {len(results.skipped)} skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
