# SPDX-License-Identifier: MIT
"""
Runs zuse's commands on the fixtures, in a mount namespace of its own and with a zused of its own.

Used by test_zpool.py and test_zfs.py. A test script calls enter() first: it starts the script again below
`unshare -m` (root only; else the test is skipped, exit status 77). Fixtures are unpacked once into a
directory of the run and bound to where their labels say they are (/pools/NAME).

Environment: ZUSE_BUILD (build directory), ZUSE_FIXTURES, ZUSE_FX (unpacked fixtures, to save time; taken as
read-only), ZUSE_ONLY (comma list of fixtures).
"""
import atexit
import collections
import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SKIP = 77
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.environ.get('ZUSE_FIXTURES') or os.path.join(os.path.dirname(ROOT), 'shared', 'fixtures')

Answer = collections.namedtuple('Answer', 'rc out err')
Transcript = collections.namedtuple('Transcript', 'command rc out err')


def skip(why):
    print('SKIP:', why)
    sys.exit(SKIP)


def enter():
    """Continue in a private mount namespace."""
    if os.environ.get('ZUSE_TEST_NS') == '1':
        return
    if os.geteuid() != 0:
        skip('needs root for a mount namespace')
    if not os.path.isdir(FIXTURES):
        skip('no fixtures at ' + FIXTURES)
    if not os.path.isdir(os.path.join(FIXTURES, 'cli')):
        skip('what OpenZFS printed is not here (set ZUSE_FIXTURES)')
    if shutil.which('unshare') is None:
        skip('no unshare(1)')
    if subprocess.run(['unshare', '-m', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        skip('mount namespaces are not allowed here')
    env = dict(os.environ, ZUSE_TEST_NS='1')
    os.execvpe('unshare', ['unshare', '-m', '--propagation', 'private', sys.executable] + sys.argv, env)


def transcripts(group):
    """The recorded commands of one group (shared/fixtures/cli/GROUP.txt)."""
    with open(os.path.join(FIXTURES, 'cli', group + '.txt'), encoding='utf-8', errors='surrogateescape') as f:
        text = f.read()
    pattern = re.compile(r'^### CMD (.*?)\n### RC (\d+)\n### STDOUT\n(.*?)### STDERR\n(.*?)### END\n', re.S | re.M)
    return [Transcript(c, int(rc), out, err) for c, rc, out, err in pattern.findall(text)]


def manifest_commands(path):
    """(command, output, rc) of a MANIFEST.pool.txt."""
    found = []
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        text = f.read()
    for m in re.finditer(r'^### ((?:zpool|zfs) .*?)\n(.*?)^### rc=(\d+)\n', text, re.S | re.M):
        found.append((m.group(1), m.group(2), int(m.group(3))))
    return found


class Harness:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='zuse-cli-')
        self.fx = os.environ.get('ZUSE_FX') or os.path.join(self.dir, 'fx')
        build = os.environ.get('ZUSE_BUILD') or os.path.join(ROOT, 'build')
        self.zuse = os.path.join(os.path.abspath(build), 'src', 'zuse')
        self.env = dict(os.environ, ZUSE_SOCKET=os.path.join(self.dir, 'sock'), TZ='UTC', LC_ALL='C')
        self.failures = self.passed = 0
        self.service = self.base = None
        self.made_pools = not os.path.isdir('/pools')
        atexit.register(self.close)
        os.makedirs(self.fx, exist_ok=True)
        os.makedirs('/pools', exist_ok=True)
        subprocess.run(['mount', '-t', 'tmpfs', 'pools', '/pools'], check=True)
        self.start()

    # ---- service ----

    def start(self):
        r, w = os.pipe()
        self.log = open(os.path.join(self.dir, 'log'), 'w')
        self.service = subprocess.Popen([self.zuse, 'zused', '--socket', self.env['ZUSE_SOCKET'], '--cachefile',
                                         'none', '--ready-fd', str(w)], pass_fds=[w], stderr=self.log,
                                        stdout=self.log, env=self.env)
        os.close(w)
        if os.read(r, 1) == b'':
            print(open(os.path.join(self.dir, 'log')).read())
            sys.exit('zused does not start')
        os.close(r)

    def stop(self):
        if self.service is not None and self.service.poll() is None:
            self.service.send_signal(signal.SIGTERM)
            try:
                self.service.wait(20)
            except subprocess.TimeoutExpired:
                self.service.kill()
                self.service.wait()
        self.service = None

    def close(self):
        self.stop()
        subprocess.run(['umount', '-R', '/pools'], stderr=subprocess.DEVNULL)
        if self.made_pools:
            try:
                os.rmdir('/pools')
            except OSError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- commands ----

    def run(self, command, timeout=120):
        """command: a shell command line that begins with zpool or zfs, or a list."""
        if isinstance(command, list):
            argv = [self.zuse] + command
            p = subprocess.run(argv, capture_output=True, env=self.env, timeout=timeout)
        else:
            script = 'zpool() { "$Z" zpool "$@"; }; zfs() { "$Z" zfs "$@"; }; ' + command
            p = subprocess.run(['bash', '-c', script], capture_output=True, env=dict(self.env, Z=self.zuse),
                               timeout=timeout)
        text = [b.decode('utf-8', 'surrogateescape') for b in (p.stdout, p.stderr)]
        return Answer(p.returncode, *text)

    # ---- fixtures ----

    def names(self):
        """Archives with a pool manifest."""
        only = os.environ.get('ZUSE_ONLY')
        if only:
            return only.split(',')
        return sorted(f[:-len('.tar.zst')] for f in os.listdir(FIXTURES) if f.endswith('.tar.zst'))

    def unpack(self, name):
        """Directory of the fixture with its images; those of a damaged one are made from its base."""
        to = os.path.join(self.fx, name)
        if not os.path.isdir(to):
            archive = os.path.join(FIXTURES, name + '.tar.zst')
            zstd = subprocess.Popen(['zstd', '-d', '--long=27', '-c', archive], stdout=subprocess.PIPE)
            subprocess.run(['tar', '-xS', '-C', self.fx], stdin=zstd.stdout, check=True)
            zstd.wait()
        if os.path.exists(os.path.join(to, 'BASE')):
            return to, self.damaged(name, to)
        return to, to

    def damaged(self, name, to):
        images = os.path.join(self.dir, name)
        if os.path.isdir(images):
            return images
        with open(os.path.join(to, 'BASE')) as f:
            base, _ = self.unpack(f.read().strip())
        os.mkdir(images)
        for d in os.listdir(base):
            if re.fullmatch(r'd\d+', d):
                subprocess.run(['cp', '--sparse=always', os.path.join(base, d), images], check=True)
        subprocess.run(['sh', os.path.join(to, 'damage.sh')], cwd=images, check=True)
        return images

    def bind(self, name):
        """Make the images appear at the recorded place. Returns (fixture directory, that place)."""
        fixture, images = self.unpack(name)
        with open(os.path.join(fixture, 'MANIFEST.pool.txt'), errors='replace') as f:
            m = re.search(r'/pools/([\w.-]+)/', f.read())
        place = '/pools/' + (m.group(1) if m else name)
        os.makedirs(place, exist_ok=True)
        subprocess.run(['mount', '--bind', images, place], check=True)
        if images != fixture and self.mentions_base(fixture):
            self.base = '/pools/' + os.path.basename(self.unpack(self.base_of(fixture))[0])
            os.makedirs(self.base, exist_ok=True)
            subprocess.run(['mount', '--bind', self.unpack(self.base_of(fixture))[1], self.base], check=True)
        return fixture, place

    @staticmethod
    def base_of(fixture):
        with open(os.path.join(fixture, 'BASE')) as f:
            return f.read().strip()

    def mentions_base(self, fixture):
        """Where the recording was made, could a "missing" disk be opened at its old place?"""
        with open(os.path.join(fixture, 'MANIFEST.pool.txt'), errors='replace') as f:
            return re.search('/pools/%s/d\\d+ +ONLINE' % re.escape(self.base_of(fixture)), f.read()) is not None

    def unbind(self, place):
        subprocess.run(['umount', '-l', place], check=False)
        if self.base is not None:
            subprocess.run(['umount', '-l', self.base], check=False)
            self.base = None

    def import_pool(self, pool, place, *options):
        return self.run(['zpool', 'import', '-d', place, '-o', 'readonly=on', '-R', '/mnt/alt', '-N', *options, pool])

    # ---- results ----

    def same(self, title, want, got):
        if want == got:
            self.passed += 1
            return True
        self.failures += 1
        print('FAIL', title)
        if isinstance(want, str):
            want, got = want.splitlines(), got.splitlines()
        diff = [d.rstrip('\n') for d in difflib.unified_diff(want, got, 'recorded', 'zuse', n=1, lineterm='')]
        for d in diff[2:int(os.environ.get('ZUSE_DIFF', '40'))]:
            print('   ', d.encode('utf-8', 'backslashreplace').decode()[:400])
        sys.stdout.flush()
        return False

    def finish(self):
        print('%d passed, %d failed' % (self.passed, self.failures))
        sys.exit(1 if self.failures else 0)


def flat_json(text):
    """JSON as a list of 'path = value' lines in the order of the document."""
    lines = []

    def walk(prefix, value):
        if isinstance(value, dict):
            if not value:
                lines.append(prefix + ' = {}')
            for k, v in value.items():
                walk(prefix + '/' + k, v)
        elif isinstance(value, list):
            for i, v in enumerate(value):
                walk('%s[%d]' % (prefix, i), v)
        else:
            lines.append('%s = %s' % (prefix, json.dumps(value)))

    try:
        walk('', json.loads(text))
    except ValueError as e:
        return ['not JSON: %s: %s' % (e, text[:200])]
    return lines
