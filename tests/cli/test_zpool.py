#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zpool against what OpenZFS printed: usage, the recorded pools, import listings, errors."""
import os
import re
import shutil
import subprocess
import sys

import harness

# A read-only import of OpenZFS knows no space maps: what it shows there is zero.
SPACE_PROPS = {'allocated', 'free', 'capacity', 'fragmentation', 'load_guid'}
SPACE_STATS = {'alloc_space', 'load_guid', 'allocated', 'free', 'capacity', 'fragmentation'}


def mask_token(line, start, end):
    return line[:start] + ' ' * (end - start - 1) + '*' + line[end:]


def mask_list(text, scripted):
    """ALLOC, FREE, FRAG, CAP of each row."""
    lines = []
    for line in text.splitlines():
        if scripted and '\t' in line:
            cells = line.split('\t')
            base = 1 if cells[0] == '' else 0
            for i in (2, 3, 6, 7):
                if base + i < len(cells) and (cells[base + i] != '-' or i == 6):
                    cells[base + i] = '*'
            if base and cells[-1] == '-' and len(cells) == 12: # ALTROOT of vdevs, since 2.4
                cells.pop()
            lines.append('\t'.join(cells))
            continue
        tokens = [(m.start(), m.end()) for m in re.finditer(r'\S+', line)]
        if tokens and not line.startswith('NAME') and len(tokens) >= 8:
            for i in (2, 3, 6, 7):
                if line[tokens[i][0]:tokens[i][1]] != '-' or i == 6:
                    line = mask_token(line, *tokens[i])
            if line.startswith(' ') and line.endswith('  -'):
                line = line[:-1].rstrip()
        lines.append(line)
    return lines


def mask_get(text, scripted):
    lines = []
    for line in text.splitlines():
        cells = line.split('\t') if scripted else line.split()
        if len(cells) > 2 and cells[1] in SPACE_PROPS:
            cells[2] = '*'
            line = ' '.join(cells)
        lines.append(line)
    return lines


def mask_vdev_get(text):
    """Counters of I/O depend on what was read."""
    lines = []
    for line in text.splitlines():
        cells = line.split('\t')
        if len(cells) > 2 and (cells[1] in SPACE_PROPS or
                               re.fullmatch(r'(read|write|null|claim)_(ops|bytes)|checksum_errors', cells[1])):
            cells[2] = '*'
        lines.append('\t'.join(cells))
    return lines


def mask_json(lines):
    return [re.sub(r' = .*', ' = *', line) if any('/' + s in line for s in SPACE_STATS) else line
            for line in lines if '/alloc_space' not in line]


# A scan in progress shows rates and times that pass.
def mask_status(text):
    text = re.sub(r'(copied|) / \S+ copied at .*', 'COPIED', text) # needs ALLOC
    text = re.sub(r'(ONLINE +0 +0) +\d+', r'\1  ERRORS', text) # depends on what was read
    text = re.sub(r'\d+[hms]\d*[^ ]* to go|\d\d:\d\d:\d\d to go|no estimated completion time', 'TIME', text)
    return re.sub(r' at [0-9.]+[KMGTB]*/s', ' at RATE', text)


# Features of releases newer than the one that made the pool: disabled there, and status says so.
NEWER = ('dynamic_gang_header', 'block_cloning_endian', 'physical_rewrite')
DISABLED = ('status: Some supported and requested features are not enabled on the pool.\n'
            '\tThe pool can still be used, but some features are unavailable.\n'
            'action: Enable all features using \'zpool upgrade\'. Once this is done,\n'
            '\tthe pool may no longer be accessible by software that does not support\n'
            '\tthe features. See zpool-features(7) for details.\n')


VDEV_NEWER = ('slow_io_events', 'sit_out', 'autosit')


def vdev_quirks(output):
    """OpenZFS repeats user properties of earlier vdevs, and fails on spares and dRAID vdevs."""
    output = re.sub(r'^(?:cannot get vdev propert|can not find ).*\n', '', output, flags=re.M)
    lines = output.splitlines(True)
    return ''.join(line for i, line in enumerate(lines) if i == 0 or line != lines[i - 1])


def without_newer(want, got):
    """zuse's output without what the recording release could not know."""
    lines = [line for line in got.splitlines(True)
             if not any('feature@' + f in line and 'feature@' + f not in want for f in NEWER)
             and not any('\t' + p + '\t' in line and p not in want for p in VDEV_NEWER)
             and not re.match(r'draid\d:\S*\t', line)]
    got = ''.join(lines)
    return got.replace(DISABLED, '') if DISABLED not in want else got


def json_quirks(lines):
    """OpenZFS leaves out what dRAID and indirect vdevs are; the base path of counters depends on reads."""
    return [line for line in lines
            if not re.search(r'/(draid\d:[^/]*|indirect-\d+)/(vdev_type|guid|class|state) = ', line) and
            not re.search(r'/vdevs/[^ ]*/properties/altroot/', line) and
            not re.search(r'/(pass_start|to_reflow|checksum_errors) = ', line) and
            not re.search(r'/draid.*/rep_dev_size = ', line)] # 2.3 does not round up to rows of permutations


def without_newer_json(want, got):
    keep = '\n'.join(want)
    status = any('/status = ' in w for w in want)
    return [g for g in got if not any('feature@' + f in g and 'feature@' + f not in keep for f in NEWER) and
            (status or not re.search(r'^/pools/[^/]+/(status|action) = "(Some|Enable all)', g))]


def masked(command, text):
    scripted = bool(re.search(r' -\w*H', command))
    if command.startswith('zpool list'):
        return mask_list(text, scripted)
    if 'all-vdevs' in command:
        return mask_vdev_get(text)
    if command.startswith('zpool get'):
        return mask_get(text, scripted)
    if command.startswith('zpool status'):
        return mask_status(text).splitlines()
    return text.splitlines()


JSON_COMMANDS = {
    'zpool-get.json': 'zpool get -j all %s',
    'zpool-list.json': 'zpool list -j %s',
    'zpool-list-v-int.json': 'zpool list -v -j --json-int %s',
    'zpool-status.json': 'zpool status -j %s',
    'zpool-status-v-int.json': 'zpool status -v -j --json-int %s',
}


def check_pool(h, name):
    fixture, place = h.bind(name)
    commands = [c for c in harness.manifest_commands(os.path.join(fixture, 'MANIFEST.pool.txt'))
                if c[0].startswith('zpool ')]
    pool = commands[0][0].split()[-1]
    options = {'destroyed': ['-D']}.get(name, [])
    a = h.import_pool(pool, place, *options)
    if a.rc != 0:
        h.same('%s: import' % name, '', a.err)
        h.unbind(place)
        return
    seen = set()
    for command, output, rc in commands:
        if command in seen:
            continue
        seen.add(command)
        a = h.run(command)
        if 'all-vdevs' in command:
            if name in ('draid1-spared', 'replacing'):
                continue # OpenZFS finds neither spare nor replacing vdevs there
            if output.startswith('cannot get vdev property name from root-0'):
                continue # no ZAP for the root before vdev_zaps_v2: OpenZFS shows nothing at all
            output = vdev_quirks(output)
        if output.startswith('cannot get history'):
            a = harness.Answer(a.rc, '', a.err + a.out)
        got = without_newer(output, a.out + a.err)
        h.same('%s: %s' % (name, command), masked(command, output), masked(command, got))
        if a.rc != rc:
            h.same('%s: %s: exit status' % (name, command), str(rc), str(a.rc))
    for file, command in JSON_COMMANDS.items():
        path = os.path.join(fixture, 'json', file)
        if os.path.exists(path):
            with open(path) as f:
                want = f.read()
            command = command % pool
            want = json_quirks(harness.flat_json(want))
            got = without_newer_json(want, json_quirks(harness.flat_json(h.run(command).out)))
            h.same('%s: %s' % (name, command), mask_json(want), mask_json(got))
    a = h.run(['zpool', 'export', pool])
    h.same('%s: export' % name, '', a.out + a.err)
    h.unbind(place)


def check_usage(h):
    for t in harness.transcripts('00-usage'):
        if not t.command.startswith('zpool') or t.command in ('zpool version',) or \
                t.command.startswith('zpool help'):
            continue
        a = h.run(t.command)
        h.same(t.command + ' (stdout)', t.out, a.out)
        h.same(t.command + ' (stderr)', t.err, a.err)
        h.same(t.command + ' (exit status)', str(t.rc), str(a.rc))


def feature_lines(text):
    """`upgrade -v` without features that the recording release did not have."""
    lines = text.splitlines()
    return [line for i, line in enumerate(lines)
            if not line.startswith(NEWER) and not (i and lines[i - 1].startswith(NEWER))]


def check_empty(h):
    """No pool is imported."""
    for t in harness.transcripts('01-empty'):
        if not t.command.startswith('zpool') or t.command == 'zpool version':
            continue
        a = h.run(t.command)
        h.same('empty: %s (stdout)' % t.command, feature_lines(t.out), feature_lines(a.out))
        h.same('empty: %s (stderr)' % t.command, t.err, a.err)
        h.same('empty: %s (exit status)' % t.command, str(t.rc), str(a.rc))


READ_ONLY = re.compile(r"^note: .* was imported read-only: writing is not supported yet\n", re.M)
SEE = 'https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-'


def recorded(group, command):
    return next(t for t in harness.transcripts(group) if t.command == command)


def expect(h, command, rc, out='', err=''):
    a = h.run(command)
    h.same(command + ' (stdout)', out, a.out)
    h.same(command + ' (stderr)', err, READ_ONLY.sub('', a.err))
    h.same(command + ' (exit status)', str(rc), str(a.rc))


def listing(pool, guid, state, rows, status='', action=None, see='', comment=''):
    action = action or 'The pool can be imported using its name or numeric identifier.'
    return ('  pool: %s\n    id: %s\n state: %s\n%saction: %s\n%s%sconfig:\n\n%s' %
            (pool, guid, state, status, action, comment, see, rows))


def check_import_errors(h):
    """What of the recorded import session works without writing."""
    fixture, place = h.bind('mirror2')
    expect(h, 'zpool import -d %s bogus' % place, 1, '', "cannot import 'bogus': no such pool available\n")
    expect(h, 'zpool import -d /nonexist tank', 1, '', "cannot import 'tank': no such pool available\n")
    expect(h, 'zpool import -d %s pmirror2 mirror' % place, 1, '', "cannot import 'mirror': name is reserved\n")
    expect(h, 'zpool import -d %s -o bogus=1 pmirror2' % place, 1, '',
           "property 'bogus' is not a valid pool or vdev property\n")
    expect(h, 'zpool import -N -d %s pmirror2 newname' % place, 0)
    expect(h, 'zpool list -H -o name', 0, 'newname\n')
    expect(h, 'zpool import -d %s' % place, 0, '', 'no pools available to import\n')
    expect(h, 'zpool export newname', 0)
    expect(h, 'zpool import -N -d %s -t pmirror2 temp' % place, 0)
    expect(h, 'zpool list -Ho name', 0, 'temp\n')
    expect(h, 'zpool export temp; zpool import -N -d %s -R /mnt/alt pmirror2' % place, 0)
    expect(h, 'zpool get altroot,cachefile pmirror2', 0,
           recorded('10-import', 'zpool get altroot,cachefile newname').out.replace('newname', 'pmirror2')
           .replace('NAME    ', 'NAME     '))
    expect(h, 'zpool status -x', 0, 'all pools are healthy\n')
    again = recorded('10-import', 'zpool import -d /pools/t tank')
    expect(h, 'zpool import -d %s pmirror2' % place, again.rc, again.out, again.err.replace('tank', 'pmirror2'))
    for command in ('zpool labelclear %s/d0' % place, 'zpool labelclear %s/none' % place):
        t = recorded('10-import', re.sub(r'/pools/mirror2', '/pools/t', command))
        err = t.err.replace('/pools/t', place).replace('newname', 'pmirror2').replace('\\ no newline\n', '')
        expect(h, command, t.rc, t.out, err)
    for command in ('zpool history bogus', 'zpool iostat nopool', 'zpool scrub bogus', 'zpool sync bogus',
                    'zpool wait bogus', 'zpool wait -t bogus tank', 'zpool clear nopool', 'zpool detach tank',
                    'zpool trim -r bad tank', 'zpool attach tank /pools/t/d0'):
        t = next(t for g in ('10-import', '09-vdev') for t in harness.transcripts(g) if t.command == command)
        expect(h, command, t.rc, t.out, t.err)
    for command in ('zpool get size tank bogus', 'zpool get -o bogus size tank', 'zpool get bogus tank'):
        t = recorded('03-zpool-props', command)
        expect(h, command.replace('tank', 'pmirror2'), t.rc, t.out, t.err.replace('"tank"', '"pmirror2"'))
    expect(h, 'zpool scrub pmirror2', 1, '', "cannot scrub 'pmirror2': not supported yet\n")
    t = recorded('10-import', 'zpool set comment=x tank')
    expect(h, 'zpool set comment=x pmirror2', t.rc, t.out, t.err.replace('tank', 'pmirror2'))
    for option in '-l', '-q', '-r', '-w':
        t = next(t for t in harness.transcripts('09-vdev') if t.command.startswith('zpool iostat %s tank' % option))
        want = '\n'.join(t.out.splitlines()[:4]).replace('tank      ', 'pmirror2  ')
        got = '\n'.join(h.run('zpool iostat %s pmirror2' % option).out.splitlines()[:len(want.splitlines())])
        h.same('zpool iostat ' + option, want, got)
    expect(h, 'zpool export pmirror2', 0)
    h.unbind(place)


def check_import_lists(h):
    fixture, place = h.bind('destroyed')
    with open(os.path.join(fixture, 'MANIFEST.import-D.txt')) as f:
        want = f.read()
    expect(h, 'zpool import -d ' + place, 0, '', 'no pools available to import\n')
    expect(h, 'zpool import -D -d ' + place, 0, want)
    h.unbind(place)
    fixture, place = h.bind('zil-dirty')
    expect(h, 'zpool import -N -d %s zildirty' % place, 1, '',
           "cannot import 'zildirty': pool was previously in use from another system.\n"
           'Last accessed by oracle (hostid=bab10c) at Sat Nov 21 05:26:02 2026\n'
           "The pool can be imported, use 'zpool import -f' to import the pool.\n")
    expect(h, 'zpool import -d ' + place, 0,
           listing('zildirty', '17071883706424782052', 'ONLINE',
                   '\tzildirty%s ONLINE\n\t  %s/d0  ONLINE\n' % (' ' * (len(place) - 2), place),
                   'status: The pool was last accessed by another system.\n',
                   "The pool can be imported using its name or numeric identifier and\n\tthe '-f' flag.",
                   '   see: %sEY\n' % SEE))
    h.unbind(place)


def missing_log(h):
    """A pool without its log device: refused, and imported with -m."""
    fixture, _ = h.unpack('classes')
    place = '/pools/nolog'
    os.mkdir(place)
    for d in ('d0', 'd1', 'd2', 'd3', 'd5', 'd6'):
        os.symlink(os.path.join(fixture, d), os.path.join(place, d))
    expect(h, 'zpool import -N -d %s pclasses' % place, 1, '',
           "The devices below are missing or corrupted, use '-m' to import the pool anyway:\n"
           '\t    /pools/classes/d4 [log]\n\n'
           "cannot import 'pclasses': one or more devices is currently unavailable\n")
    expect(h, 'zpool import -N -m -d %s pclasses' % place, 0)
    expect(h, 'zpool export pclasses', 0)


def check_alloc(h):
    """ALLOC of a read-only pool is the sum of its blocks, as zdb of OpenZFS finds it."""
    zdb = shutil.which('zdb')
    if zdb is None or os.path.basename(os.path.realpath(zdb)) == 'zuse':
        return
    for name, pool in (('mirror2', 'pmirror2'), ('raidz1-3', 'praidz13'), ('old-v28', 'poldv28')):
        _, place = h.bind(name)
        h.import_pool(pool, place)
        alloc = h.run(['zpool', 'list', '-Hp', '-o', 'allocated', pool]).out.strip()
        h.run(['zpool', 'export', pool])
        dump = subprocess.run([zdb, '-e', '-p', place, '-b', pool], capture_output=True, text=True).stdout
        m = re.search(r'bp allocated: +(\d+)', dump)
        if m is not None:
            h.same(name + ': allocated', m.group(1), alloc)
        h.unbind(place)


def main():
    harness.enter()
    h = harness.Harness()
    what = sys.argv[1:] or ['usage', 'empty', 'import', 'alloc', 'pools']
    if 'usage' in what:
        check_usage(h)
    if 'empty' in what:
        check_empty(h)
    if 'import' in what:
        check_import_errors(h)
        check_import_lists(h)
        missing_log(h)
    if 'alloc' in what:
        check_alloc(h)
    if 'pools' in what:
        for name in h.names():
            if not name.startswith('zil-dirty'): # recorded after the replay of their intent logs
                check_pool(h, name)
    h.finish()


if __name__ == '__main__':
    main()
