#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the tables of codec/unicode.c: gen_unicode.py OUTPUT

The data come from Python's unicodedata, cut down to what Unicode 5.0.0 had assigned: decompositions and
combining classes of assigned characters never change (the stability policy), so only later characters must
go. Which ones those are: Python knows the assignments of 3.2; ADDED lists the characters added from then
to 5.0 that have a decomposition, a combining class or a case partner.
"""
import sys
import unicodedata

ADDED = """
23A-23E 241-24F 350-35F 37B-37D 3F7-3FB 3FD-3FF 4CF 4F6-4F7 4FA-4FF 510-513 5A2 5BA 5C5 5C7 610-615 656-65E
7EB-7F3 CBC 10FC 135F 17DD 1939-193B 1A17-1A18 1B06 1B08 1B0A 1B0C 1B0E 1B12 1B34 1B3B 1B3D 1B40-1B41
1B43-1B44 1B6B-1B73 1D2C-1D2E 1D30-1D3A 1D3C-1D4D 1D4F-1D6A 1D78 1D7D 1D9B-1DCA 1DFE-1DFF 2090-2094
20EB-20EF 213B-213C 214E 2184 2C00-2C2E 2C30-2C5E 2C60-2C6C 2C75-2C76 2C80-2CE3 2D00-2D25 2D6F 321D-321E
3250 327C-327E 32CC-32CF 3377-337A 33DE-33DF 33FF A806 FA70-FAD9 FE10-FE19 FE47-FE48 10426-10427 1044E-1044F
10A0D 10A0F 10A38-10A3A 10A3F 1D242-1D244 1D4C1 1D6A4-1D6A5 1D7CA-1D7CB
"""
HANGUL = range(0xAC00, 0xD7A4)


def added():
    out = set()
    for word in ADDED.split():
        first, _, last = word.partition("-")
        out.update(range(int(first, 16), int(last or first, 16) + 1))
    return out


def known_characters():
    later = added()
    return [
        c
        for c in range(0x110000)
        if c in later or unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")
    ]


def simple_upper(c):
    """UnicodeData's one-to-one mapping; where upper() is longer, a one-to-one title() is the same."""
    for text in (chr(c).upper(), chr(c).title()):
        if len(text) == 1:
            return ord(text)
    return c


def decompose(c, compat):
    """Full decomposition as a list, [c] if there is none."""
    fields = unicodedata.decomposition(chr(c)).split()
    if not fields or (fields[0].startswith("<") and not compat):
        return [c]
    if fields[0].startswith("<"):
        fields = fields[1:]
    return [d for f in fields for d in decompose(int(f, 16), compat)]


def compositions(known):
    for c in known:
        fields = unicodedata.decomposition(chr(c)).split()
        if len(fields) != 2 or fields[0].startswith("<"):
            continue
        a, b = (int(f, 16) for f in fields)
        # What normalize() does not put together again is excluded from composition.
        if unicodedata.normalize("NFC", chr(a) + chr(b)) == chr(c):
            yield a, b, c


def combining_ranges(known):
    ranges = []
    for c in known:
        ccc = unicodedata.combining(chr(c))
        if ccc == 0:
            continue
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == ccc:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, ccc])
    return ranges


def rows(out, declaration, items):
    out.write(f"{declaration} = {{\n")
    for item in items:
        out.write("    " + ("{%s}" % ", ".join(map(str, item)) if isinstance(item, (tuple, list)) else str(item)) + ",\n")
    out.write("};\n\n")


def decomposition_tables(known):
    chars, where, table = [], {}, []

    def place(seq):
        key = tuple(seq)
        if key not in where:
            where[key] = len(chars)
            chars.extend(seq)
        return where[key], len(seq)

    for c in known:
        if c in HANGUL:
            continue
        canon, compat = decompose(c, False), decompose(c, True)
        if compat == [c]:
            continue
        # Length 0: this form leaves the character alone.
        canon_at, canon_len = place(canon) if canon != [c] else (0, 0)
        table.append((c, canon_at, canon_len, *place(compat)))
    return chars, table


def main():
    known = known_characters()
    assigned = set(known)
    upper = [(c, simple_upper(c)) for c in known if c > 127]
    chars, decompositions = decomposition_tables(known)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("/* Made by gen_unicode.py: data of Unicode 5.0.0, included by unicode.c only. */\n\n")
        rows(out, "static const struct unicode_pair upper_table[]", [(c, u) for c, u in upper if u != c and u in assigned])
        rows(out, "static const uint32_t decomposed_chars[]", chars)
        rows(out, "static const struct unicode_decomposition decomposition_table[]", decompositions)
        rows(out, "static const struct unicode_range combining_table[]", combining_ranges(known))
        rows(out, "static const struct unicode_composition composition_table[]", sorted(compositions(known)))


main()
