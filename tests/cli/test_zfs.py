#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zfs against what OpenZFS printed: usage, errors, listings, properties, space, permissions, holds of every fixture."""
import json
import os
import re
import sys

import harness

# Properties that userland 2.4 has and 2.3, which made most manifests, has not.
NEW_IN_24 = {'defaultuserquota', 'defaultgroupquota', 'defaultprojectquota', 'defaultuserobjquota',
             'defaultgroupobjquota', 'defaultprojectobjquota'}
# OpenZFS cuts numbers of JSON at 2^63; zuse gives those as strings.
CUT = 'value = 9223372036854775807'
# Texts of limits that 2.4 raised.
RAISED = [('zero or 512 to 1M, power of 2', '0 to 16M'),
          ('512 to 1M, power of 2', '512 to 16M, power of 2'), ('512 to 128k, power of 2', '512 to 16M, power of 2')]
# The manifest's read-only import knew nothing of the special class's use, so not what is available.
OPENZFS_ESTIMATES = {'classes'}
# The manifest shows the state after replay of the intent log, which a read-only import does not do.
REPLAYED = {'zil-dirty', 'zil-dirty-enc'}
ZFS = ('zfs list', 'zfs get', 'zfs allow', 'zfs holds', 'zfs userspace', 'zfs groupspace', 'zfs projectspace')


def raised(text):
    for old, new in RAISED:
        text = text.replace(old, new)
    return text


def without_new(text):
    """Drop rows of properties and permissions that 2.3 does not know."""
    return ''.join(line for line in text.splitlines(True) if not any(re.search(r'(^|\s)%s(\s|$)' % p, line)
                                                                     for p in NEW_IN_24))


def test_usage(h):
    for group in ('00-usage', '01-empty'):
        for t in harness.transcripts(group):
            if not t.command.startswith('zfs') or t.command.startswith('zfs help') or 'version' in t.command:
                continue
            got = h.run(t.command)
            title = '%s: %s' % (group, t.command)
            h.same(title + ' (status)', t.rc, got.rc)
            h.same(title + ' (output)', t.out, got.out)
            h.same(title + ' (errors)', raised(t.err), without_new(got.err))


def test_help(h):
    """Help needs no man(1); -j gives JSON."""
    h.same('zfs help', 0, h.run('zfs help').rc)
    h.same('zfs help list', True, h.run('zfs help list').out.startswith('usage:\n\tlist'))
    h.same('zfs version', 2, len(h.run('zfs version').out.splitlines()))
    h.same('zfs version -j', 'zfs version', json.loads(h.run('zfs version -j').out)['output_version']['command'])


def manifest(path):
    """(command, output) of every section; allow sections have no rc line."""
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        text = f.read()
    parts = re.split(r'^### (.*)\n', text, flags=re.M)
    return [(c, out) for c, out in zip(parts[1::2], parts[2::2]) if not c.startswith('rc=')]


def masked(command, text, user_24, volumes, available):
    """What cannot be compared byte for byte."""
    lines = []
    for line in text.splitlines():
        cells = line.split('\t') if '\t' in line else line.split()
        if command.startswith('zfs get') and len(cells) > 1 and cells[1] in NEW_IN_24 and not user_24:
            continue
        if cells[1:2] == ['special_small_blocks'] and cells[0] in volumes and not user_24:
            continue  # 2.4 has it for volumes, too
        if available and command.startswith('zfs get') and cells[1:2] == ['available']:
            line = '*'
        if command.startswith('zfs get') and len(cells) > 2 and cells[1] == 'xattr' and not user_24:
            line = re.sub(r'\b(on|sa)\b', 'on', line)  # 2.3 called it so
        if not user_24 and command.startswith('zfs get'):
            line = re.sub('  +', '  ', line)  # the column of names is wider
        lines.append(line.rstrip())
    return lines


def import_fixture(h, fixture, place):
    with open(os.path.join(fixture, 'MANIFEST.pool.txt'), errors='surrogateescape') as f:
        pool = re.search(r'^### zpool list (\S+)$', f.read(), re.M).group(1)
    args = {'pool': pool, 'paths': [place], 'readonly': True, 'altroot': '/mnt/alt', 'no_mount': True, 'force': True}
    if os.path.basename(fixture) == 'destroyed':
        args['destroyed'] = True
    got = h.run(['call', 'pool_import', json.dumps(args)])
    return pool, got


def bind_keys(h, fixture):
    os.makedirs('/keys', exist_ok=True)
    h.run('mountpoint -q /keys || mount --bind %s/keys /keys' % fixture)


def load_keys(h, fixture):
    keys = os.path.join(fixture, 'keys')
    if not os.path.isdir(keys):
        return
    bind_keys(h, fixture)
    for line in h.run('zfs list -H -o name,encryptionroot,keystatus,keyformat,keylocation').out.splitlines():
        name, root, status, form, location = line.split('\t')
        if root == name and status == 'unavailable':
            key = os.path.join(keys, 'pass2') if location == 'prompt' else location[len('file://'):]
            h.same('load-key ' + name, 0, h.run('zfs load-key %s < %s' % (name, key)).rc)


def space_manifest(h, fixture, name):
    path = os.path.join(fixture, 'MANIFEST.space.txt')
    if not os.path.exists(path):
        return
    for command, out in manifest(path):
        if command.startswith('zfs '):
            got = h.run(command)
            h.same('%s: %s' % (name, command), sorted(out.splitlines()), sorted((got.err + got.out).splitlines()))


def json_manifest(h, fixture, name, pool, user_24):
    volumes = h.run('zfs list -H -o name -t volume').out.split()
    for file, command in (('zfs-list.json', 'zfs list -j -t all -r '), ('zfs-get.json', 'zfs get -j --json-int all -r ')):
        path = os.path.join(fixture, 'json', file)
        if not os.path.exists(path):
            continue
        with open(path, encoding='utf-8', errors='surrogateescape') as f:
            want = harness.flat_json(f.read())
        got = harness.flat_json(h.run(command + pool).out)
        if not user_24:
            got = [line for line in got if not any('/' + p + '/' in line for p in NEW_IN_24)]
            got = [line for line in got if not ('/properties/special_small_blocks/' in line and
                                                any(line.startswith('/datasets/%s/prop' % v) for v in volumes))]
            want, got = ([re.sub(r'(/xattr/value = )"(on|sa)"', r'\1"on"', line) for line in lines]
                         for lines in (want, got))
        if len(want) == len(got):
            got = [w if w.endswith(CUT) else g for w, g in zip(want, got)]
        h.same('%s: %s%s' % (name, command, pool), want, got)


def compare_manifest(h, name, path, user_24):
    volumes = h.run('zfs list -H -o name -t volume').out.split()
    for command, out in manifest(path):
        if not command.startswith(ZFS) or (command.startswith('zfs list') and name in OPENZFS_ESTIMATES):
            continue
        answer = h.run(command)
        h.same('%s: %s' % (name, command), *(masked(command, text, user_24, volumes, name in OPENZFS_ESTIMATES)
                                             for text in (out, answer.out)))


def expect(h, command, rc, out='', err=''):
    got = h.run(command)
    h.same(command, (rc, out, err), (got.rc, got.out, got.err))


def test_errors(h):
    """Messages on pool basic, worded as in the transcripts."""
    kind = 'operation not applicable to datasets of this type'
    expect(h, 'zfs list basic/none', 1, err="cannot open 'basic/none': dataset does not exist\n")
    expect(h, 'zfs list /nonexist', 1, err="cannot open '/nonexist': No such file or directory\n")
    expect(h, 'zfs mount basic/zthick', 1, err="cannot open 'basic/zthick': %s\n" % kind)
    expect(h, 'zfs mount basic/legacy', 1,
           err="cannot mount 'basic/legacy': legacy mountpoint\nuse mount(8) to mount this filesystem\n")
    expect(h, 'zfs unmount basic/snap', 1, err="cannot unmount 'basic/snap': not currently mounted\n")
    expect(h, 'zfs unmount /nonexist', 1,
           err="cannot open '/nonexist': No such file or directory\nwarning: /nonexist not in/proc/self/mounts\n"
               "/nonexist: No such file or directory\n")
    expect(h, 'zfs userspace basic/zthick', 1, err="cannot open 'basic/zthick': %s\n" % kind)
    expect(h, 'zfs userspace -o bogus basic', 255, err="invalid type 'bogus' for -o option\n")
    expect(h, 'zfs allow basic/none', 255,
           err="cannot open 'basic/none': dataset does not exist\nFailed to open dataset: basic/none\n")
    expect(h, 'zfs load-key basic', 255, err="Key load error: 'basic' is not encrypted.\n")
    expect(h, 'zfs unload-key basic', 255, err="Key unload error: 'basic' is not encrypted.\n")
    expect(h, 'zfs holds basic/snap@none', 1, 'NAME  TAG  TIMESTAMP\n',
           "cannot open 'basic/snap@none': dataset does not exist\nno datasets available\n")
    expect(h, 'zfs create basic/x', 1, err="cannot create 'basic/x': not supported yet\n")
    expect(h, 'zfs get -Ho value userquota@1000,userused@1000,userused@root basic/quota', 0, '1M\n13K\n22.5K\n')


def test_diff(h):
    expect(h, 'zfs diff basic/snap@one', 0,
           '-\t/mnt/alt/basic/snap/a\nM\t/mnt/alt/basic/snap/\n+\t/mnt/alt/basic/snap/final\n'
           'R\t/mnt/alt/basic/snap/b -> /mnt/alt/basic/snap/c\n')
    expect(h, 'zfs diff -FH basic/snap@one basic/snap', 0,
           '-\tF\t/mnt/alt/basic/snap/a\nM\t/\t/mnt/alt/basic/snap/\n+\tF\t/mnt/alt/basic/snap/final\n'
           'R\tF\t/mnt/alt/basic/snap/b\t/mnt/alt/basic/snap/c\n')
    expect(h, 'zfs diff basic/snap@none', 1, err='Unable to obtain diffs: No such file or directory\n')
    expect(h, 'zfs diff basic/snap', 1,
           err="Badly formed snapshot name basic/snap: missing '@' delimiter in snapshot name\n")
    expect(h, 'zfs diff basic/snap@one basic/nest@rec', 1,
           err='Not an earlier snapshot from the same fs: invalid name\n')
    expect(h, 'zfs diff basic/snap@three basic/snap@one', 1,
           err='Unable to obtain diffs: \n   Not an earlier snapshot from the same fs\n')


def test_mount(h):
    if not os.path.exists('/dev/fuse'):
        print('SKIP: mounting: no /dev/fuse')
        return
    expect(h, 'zfs mount basic/snap', 0)
    expect(h, 'zfs mount', 0, 'basic/snap                      /mnt/alt/basic/snap\n')
    expect(h, 'zfs mount -o ro basic/snap', 1, err="cannot mount 'basic/snap': filesystem already mounted\n")
    expect(h, 'zfs get -H -o value,source readonly /mnt/alt/basic/snap', 0, 'on\ttemporary\n')
    expect(h, 'ls /mnt/alt/basic/snap', 0, 'c\nfinal\n')
    expect(h, 'zfs unmount /mnt/alt/basic/snap', 0)
    expect(h, 'zfs mount -a; zfs get -r -H -o value mounted basic | grep -c yes; zfs unmount -a; zfs mount', 0, '54\n')


def test_keys(h):
    root = 'pencrypted/gcm-pass'
    expect(h, 'zfs load-key %s/inner' % root, 255,
           err="Key load error: Keys must be loaded for encryption root of '%s/inner' (%s).\n" % (root, root))
    expect(h, 'echo wrongpass | zfs load-key -L prompt ' + root, 255,
           err="Key load error: Incorrect key provided for '%s'.\n" % root)
    expect(h, 'echo short | zfs load-key -L prompt ' + root, 255,
           err='Key load error: Passphrase too short (min 8).\n')
    expect(h, 'zfs load-key -L file:///nokey ' + root, 255,
           err='Key load error: Failed to open key material file: No such file or directory\n')
    expect(h, 'zfs mount ' + root, 1, err="cannot mount '%s': encryption key not loaded\n" % root)
    expect(h, 'zfs load-key -n ' + root, 0, '1 / 1 key(s) successfully verified\n')
    expect(h, 'zfs load-key ' + root, 0)
    expect(h, 'zfs load-key ' + root, 255, err="Key load error: Key already loaded for '%s'.\n" % root)
    expect(h, 'zfs unload-key ' + root, 0)
    expect(h, 'zfs unload-key ' + root, 255, err="Key unload error: Key already unloaded for '%s'.\n" % root)


def test_fixture(h, name):
    fixture, place = h.bind(name)
    user_24 = name.startswith('v24')
    pool, got = import_fixture(h, fixture, place)
    if not h.same('%s: import' % name, 0, got.rc):
        print(got.err)
        h.unbind(place)
        return
    if name == 'encrypted':
        compare_manifest(h, name + ' (locked)', os.path.join(fixture, 'locked', 'MANIFEST.pool.txt'), user_24)
        bind_keys(h, fixture)
        test_keys(h)
    load_keys(h, fixture)
    compare_manifest(h, name, os.path.join(fixture, 'MANIFEST.pool.txt'), user_24)
    if name == 'basic-single':
        test_errors(h)
        test_diff(h)
        test_mount(h)
    space_manifest(h, fixture, name)
    if name not in OPENZFS_ESTIMATES:
        json_manifest(h, fixture, name, pool, user_24)
    h.same('%s: export' % name, 0, h.run(['call', 'pool_export', json.dumps({'pool': pool, 'force': True})]).rc)
    h.unbind(place)


def own_users(h):
    """The users and groups of the machine that made the fixtures."""
    files = {'passwd': 'root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n',
             'group': 'root:x:0:\ndaemon:x:1:\nusers:x:100:\nnogroup:x:65534:\n'}
    for name, text in files.items():
        path = os.path.join(h.dir, name)
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        h.run('mount --bind %s /etc/%s' % (path, name))


def main():
    harness.enter()
    h = harness.Harness()
    h.run('mount -t tmpfs alt /mnt')
    own_users(h)
    if not os.environ.get('ZUSE_ONLY'):
        test_usage(h)
        test_help(h)
    for name in h.names():
        if name not in REPLAYED:
            test_fixture(h, name)
    h.finish()


if __name__ == '__main__':
    main()
