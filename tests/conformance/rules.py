#!/usr/bin/python3
"""Every rule of tests/rules.md has tests that exist, and every difference is documented.

usage: rules.py SOURCE_ROOT

A row is "| rule | tests | differs |". Tests are `FILE: FUNCTION` with FILE from the root of the
sources, or the word absent. Differences are quotations in double quotes from docs/compatibility.md;
a row without tests needs one.
"""
import os
import re
import sys

RULES = "tests/rules.md"
COMPATIBILITY = "docs/compatibility.md"
FEWEST = 100  # rows: a table that is not found must not pass
TEST = re.compile(r"`([\w/.-]+\.c): (\w+)`")
QUOTED = re.compile(r'"([^"]+)"')


def rows(text):
    """Yields (line number, cells) of each row but heads and lines between."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("|") or re.match(r"\|[ :|-]+$", line):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0] != "Rule":
            yield number, cells


def read(root, path, kept={}):
    if path not in kept:
        full = os.path.join(root, path)
        kept[path] = None
        if os.path.isfile(full):
            with open(full, encoding="utf-8") as source:
                kept[path] = source.read()
    return kept[path]


def wrong_test(root, path, name):
    """What is wrong with a test; None: it is there and is run."""
    text = read(root, path)
    if text is None:
        return "no such file: " + path
    if not re.search(r"^static void %s\(void \*\*state\)$" % name, text, re.M):
        return "no such test in %s: %s" % (path, name)
    if len(re.findall(r"\b%s\b" % name, text)) < 2:
        return "never run in %s: %s" % (path, name)
    return None


def wrong_in(root, cells, compatibility):
    """Yields all that is wrong with one row."""
    if len(cells) != 3:
        yield "%d cells instead of 3" % len(cells)
        return
    rule, tests, differs = cells
    found = TEST.findall(tests)
    quoted = QUOTED.findall(differs)
    if not rule:
        yield "no rule"
    if TEST.sub("", tests).strip(" ,") not in ("", "absent"):
        yield "neither tests nor absent: " + tests
    if not found and tests != "absent":
        yield "no test"
    if not found and not quoted:
        yield "absent, and no word about it in " + COMPATIBILITY
    if differs and not quoted:
        yield "no quotation: " + differs
    for path, name in found:
        problem = wrong_test(root, path, name)
        if problem:
            yield problem
    for phrase in quoted:
        if phrase not in compatibility:
            yield "not in %s: %s" % (COMPATIBILITY, phrase)


def main():
    root = sys.argv[1]
    compatibility = " ".join((read(root, COMPATIBILITY) or "").split())
    problems = 0
    count = 0
    tests = set()
    for number, cells in rows(read(root, RULES) or ""):
        count += 1
        tests.update(TEST.findall(cells[1] if len(cells) > 1 else ""))
        for problem in wrong_in(root, cells, compatibility):
            print("%s:%d: %s" % (RULES, number, problem))
            problems += 1
    print("%d rules, %d tests, %d problems" % (count, len(tests), problems))
    return 1 if problems > 0 or count < FEWEST else 0


if __name__ == "__main__":
    sys.exit(main())
