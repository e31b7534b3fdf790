#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`zuse verify` on every fixture: nothing to report on sound pools, all planted damage found; and `zdb` side by side
with the real one where that is installed. Skipped (77) without fixtures.

Environment: ZUSE_BUILD (build directory), ZUSE_FIXTURES, ZUSE_FX (unpacked fixtures, taken as read-only), ZUSE_ONLY.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.environ.get('ZUSE_FIXTURES') or os.path.join(os.path.dirname(ROOT), 'shared', 'fixtures')
ZUSE = os.path.join(os.environ.get('ZUSE_BUILD') or os.path.join(ROOT, 'build'), 'src', 'zuse')
NOT_POOLS = {'send', 'cli', 'upstream', 'destroyed'}
SAME_AS_ZDB = {  # options whose output must be the real zdb's, byte by byte
    'mirror2': ['-C', '-u', '-d', '-dd', '-b', '-bb', '-c', '-cc', '-D', '-m', '-h', '-hh', '-i'],
    'dedup': ['-C', '-u', '-d', '-bb', '-DD'],
    'bclone': ['-C', '-u', '-d', '-bb'],
    'removing': ['-C', '-u', '-d', '-bb'],
    'encrypted': ['-C', '-u', '-d', '-bb'],
    'raidz1-3': ['-C', '-u', '-d', '-bb', '-m'],
}
failures = []


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, check=False)


def check(what, ok, detail=''):
    print(('ok - ' if ok else 'not ok - ') + what, flush=True)
    if not ok:
        failures.append(what)
        print(detail[-3000:])


def fixture(name, work):
    ready = os.path.join(os.environ.get('ZUSE_FX', '/nonexistent'), name)
    if os.path.isdir(ready):
        return ready
    archive = os.path.join(FIXTURES, name + '.tar.zst')
    if not os.path.isdir(os.path.join(work, name)):
        subprocess.run("zstd -q -d --long=27 -c '%s' | tar -xS -C '%s'" % (archive, work), shell=True, check=True)
    return os.path.join(work, name)


def pool_name(directory):
    """By its labels, in the way a user would find out."""
    for image in sorted(glob.glob(os.path.join(directory, 'd*'))):
        found = re.search(rb"^    name: '([^']*)'", run(ZUSE, 'zdb', '-l', image).stdout, re.M)
        if found:
            return found.group(1).decode()
    return None


def verify(directory, pool):
    p = run(ZUSE, '-d', directory, 'verify', pool)
    return p.returncode, p.stdout.decode(errors='replace') + p.stderr.decode(errors='replace')


def check_sound(name, directory):
    pool = pool_name(directory)
    rc, out = verify(directory, pool)
    check('verify ' + name, rc == 0 and 'no errors, no leaks' in out, out)


def damaged_copy(base, script, work):
    directory = tempfile.mkdtemp(prefix='damaged-', dir=work)
    for image in glob.glob(os.path.join(base, 'd[0-9]*')):
        subprocess.run(['cp', '--sparse=always', image, directory], check=True)
    subprocess.run(['sh', os.path.abspath(script)], cwd=directory, check=True)
    return directory


def check_damaged(name, directory, work):
    with open(os.path.join(directory, 'BASE'), encoding='ascii') as f:
        base = fixture(f.read().strip(), work)
    pool = pool_name(base)
    copy = damaged_copy(base, os.path.join(directory, 'damage.sh'), work)
    images = len(glob.glob(os.path.join(base, 'd[0-9]*'))) - len(glob.glob(os.path.join(copy, 'd[0-9]*')))
    rc, out = verify(copy, pool)
    if images:  # what remains is right, and the missing devices are told
        check('verify %s: missing devices' % name, 'devices are missing' in out and 'lost' not in out, out)
    else:
        check('verify %s: bad copies' % name, rc == 1 and 'copies are bad' in out and 'lost' not in out, out)
    shutil.rmtree(copy)


def check_lost_file(work):
    """Junk over the only copy of a file's data: the file is named, the rest is sound."""
    base = fixture('stripe2', work)
    copy = tempfile.mkdtemp(prefix='lost-', dir=work)
    for image in glob.glob(os.path.join(base, 'd[0-9]*')):
        subprocess.run(['cp', '--sparse=always', image, copy], check=True)
    listing = run(ZUSE, 'zdb', '-e', '-p', copy, '-ddddd', 'pstripe2/raw').stdout.decode(errors='replace')
    part = listing[listing.index('path\t/rep'):]
    vdev, offset, size = re.search(r'L0 (\d+):([0-9a-f]+):([0-9a-f]+)', part).groups()
    with open(os.path.join(copy, 'd' + vdev), 'r+b') as f:
        f.seek((4 << 20) + int(offset, 16))
        f.write(b'junk' * (int(size, 16) // 4))
    rc, out = verify(copy, 'pstripe2')
    check('verify names the damaged file', rc == 1 and re.search(r'damaged: pstripe2/raw(@s1)?:/rep', out), out)
    check('verify: one block is lost', '1 blocks are lost' in out and 'leak' not in out, out)


def check_zdb(work):
    real = shutil.which('zdb') or '/usr/sbin/zdb'
    if not os.access(real, os.X_OK):
        print('# no zdb here: outputs are not compared')
        return
    for name, options in SAME_AS_ZDB.items():
        directory = fixture(name, work)
        pool = pool_name(directory)
        for option in options:
            command = ['-e', '-p', directory, option, pool]
            want, got = run(real, *command), run(ZUSE, 'zdb', *command)
            check('zdb %s %s' % (option, name), (want.returncode, want.stdout) == (got.returncode, got.stdout),
                  got.stdout.decode(errors='replace'))
        image = os.path.join(directory, 'd0')
        for option in ['-l', '-lu', '-lq']:
            want, got = run(real, option, image), run(ZUSE, 'zdb', option, image)
            check('zdb %s %s' % (option, name), (want.returncode, want.stdout) == (got.returncode, got.stdout))


def main():
    if not os.path.isdir(FIXTURES):
        print('SKIP: no fixtures at', FIXTURES)
        return SKIP
    only = os.environ.get('ZUSE_ONLY', '')
    names = sorted(os.path.basename(p)[:-len('.tar.zst')] for p in glob.glob(os.path.join(FIXTURES, '*.tar.zst')))
    names = [n for n in names if n not in NOT_POOLS and (not only or n in only.split(','))]
    with tempfile.TemporaryDirectory(prefix='zuse-verify-') as work:
        for name in names:
            directory = fixture(name, work)
            if os.path.exists(os.path.join(directory, 'damage.sh')):
                check_damaged(name, directory, work)
            elif glob.glob(os.path.join(directory, 'd[0-9]*')):
                check_sound(name, directory)
        if not only:
            check_lost_file(work)
            check_zdb(work)
    print('# %d failures' % len(failures))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
