#!/usr/bin/python3
"""Every declaration of the public headers has a comment that says what it is for.

usage: comments.py INCLUDE_DIRECTORY

Looked at are functions, types and enumerations at the outermost level. The comment is the one right
before the declaration, which may stand for a group of declarations without a blank line between
them, and begins with "/**" (or "/*" for a group). Macros that have a name for the author (HG_...,
without an underscore at the end) need a comment too, before them, behind them or before their group.
"""
import glob
import os
import re
import sys

# Parts of the headers' own machinery; each is explained where it stands, or is a guard.
MACHINERY = re.compile(r"HOTGATE_\w+_H$|\w+_$|HG_FIELD_SIZE$|HG_EXTERN$")
DECLARED = re.compile(r"\b(hg_\w+)\s*\(|\btypedef\s+(?:struct|enum|union)?\s*(\w+)|^struct\s+(\w+)")


def without_text(text):
    """The text with comments and strings made blank, so that only code is counted."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", blank, text, flags=re.S)


def declarations(text):
    """Yields (line number, first line) of each outermost declaration and each macro."""
    lines = without_text(text).split("\n")
    depth = 0
    start = None
    number = 0
    while number < len(lines):
        line = lines[number]
        if re.match(r"\s*#", line):
            first = number
            while lines[number].rstrip().endswith("\\"):
                number += 1
            match = re.match(r"\s*#\s*define\s+(\w+)", lines[first])
            if match and not MACHINERY.search(match.group(1)):
                yield first, match.group(1), True
            number += 1
            continue
        if 'extern' in line and '{' in line:  # extern "C" opens no declaration
            number += 1
            continue
        for character in line:
            if start is None and not character.isspace() and character != "}":
                start = number
            depth += {"{": 1, "}": -1}.get(character, 0)
            depth = max(depth, 0)
            if start is not None and depth == 0 and character in ";}":
                code = " ".join(lines[start:number + 1])
                if character == ";" or "=" not in code:
                    if character == ";" or "(" in code.split("{")[0]:
                        yield start, code, False
                        start = None
        number += 1


def has_comment(lines, number):
    """True if a comment ends right above, or above other lines of the same group."""
    if "/*" in lines[number]:
        return True
    while number > 0:
        above = lines[number - 1].strip()
        if above.endswith("*/"):
            return True
        if not above or above.startswith("#if") or above.startswith("#else"):
            return False
        number -= 1
    return False


def main():
    missing = 0
    count = 0
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "hotgate", "*.h"))):
        with open(path, encoding="utf-8") as header:
            text = header.read()
        lines = text.split("\n")
        for number, code, is_macro in declarations(text):
            count += 1
            at = number
            # What stands between a comment and its declaration: attributes and conditions of them.
            while at > 0 and re.match(r"\s*(#|__attribute__|HG_PRINTF)", lines[at - 1]):
                at -= 1
            if has_comment(lines, number) or has_comment(lines, at):
                continue
            name = code if is_macro else (DECLARED.search(code) or [code.strip()])[0]
            if not is_macro and re.match(r"\s*(struct\s+\w+;|HG_STATIC_ASSERT)", code):
                continue  # names a type of another header; says itself what it holds
            print("%s:%d: no comment: %s" % (path, number + 1, name))
            missing += 1
    print("%d declarations, %d without a comment" % (count, missing))
    return 1 if missing > 0 or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
