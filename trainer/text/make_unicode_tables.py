"""Writes unicode_tables.cc from the Unicode data that Python carries.

    python3 trainer/text/make_unicode_tables.py > trainer/text/unicode_tables.cc
"""
import unicodedata

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(wanted):
    found = []
    for c in ALL:
        if wanted(c):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def valued_ranges(value):
    found = []
    for c in ALL:
        v = value(c)
        if not v:
            continue
        if found and found[-1][1] == c - 1 and found[-1][2] == v:
            found[-1][1] = c
        else:
            found.append([c, c, v])
    return found


def lower_ranges():
    found = []
    for c in ALL:
        lower = chr(c).lower()
        if len(lower) != 1 or ord(lower) == c:
            continue
        delta = ord(lower) - c
        last = found[-1] if found else None
        if last and last[3] == delta and c - last[1] in (1, 2) and (
                last[0] == last[1] or c - last[1] == last[2]):
            last[2] = c - last[1]
            last[1] = c
        else:
            found.append([c, c, 1, delta])
    return found


def decompositions():
    found = []
    for c in ALL:
        text = unicodedata.decomposition(chr(c))
        if not text or text.startswith("<") or 0xAC00 <= c <= 0xD7A3:
            continue
        parts = [int(part, 16) for part in text.split()] + [0]
        composable = unicodedata.normalize("NFC", chr(c)) == chr(c)
        found.append([c, parts[0], parts[1], int(composable)])
    return found


def table(kind, name, rows):
    print(f"const {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        cell = " {" + ", ".join(hex(v) if v > 9 else str(v) for v in row) + "},"
        if len(line) + len(cell) > 80:
            print(line)
            line = "   "
        line += cell
    print(line)
    print("};")
    print(f"const size_t {name}Size = std::size({name});\n")


print(f"// Unicode {unicodedata.unidata_version}, written by "
      "make_unicode_tables.py: rows only.")
print('#include "trainer/text/unicode_tables.h"\n\n#include <iterator>\n')
print("namespace atelier::trainer {\n\n// clang-format off")
table("CodeRange", "kLetters", ranges(
    lambda c: unicodedata.category(chr(c))[0] == "L"))
table("CodeRange", "kNumbers", ranges(
    lambda c: unicodedata.category(chr(c))[0] == "N"))
table("LowerRange", "kLowers", lower_ranges())
table("ClassRange", "kCombiningClasses", valued_ranges(
    lambda c: unicodedata.combining(chr(c))))
table("Decomposition", "kDecompositions", decompositions())
print("// clang-format on\n\n}  // namespace atelier::trainer")
