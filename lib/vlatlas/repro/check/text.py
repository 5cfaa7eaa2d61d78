"""Small readers of MyST text: headings, roles and directives with their lines; code blocks are skipped."""

import re
from pathlib import Path

CITE = re.compile(r"\{(?:foot)?cite(?::[a-z]+)?\}`([^`]+)`")
PAPER = re.compile(r"\{paper\}`([^`]+)`")
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(\{[^}]*\})?\s*(.*)$")


def lines_outside_code(body: str):
    """(line number, line) of prose; fenced blocks are left out, except that a directive's own fence is
    given."""
    fence = None
    for number, line in enumerate(body.split("\n"), start=1):
        match = FENCE.match(line)
        if fence:
            if match and match[1][0] == fence[0] and len(match[1]) >= len(fence) and not match[2] and not match[3]:
                fence = None
            continue
        if match and match[1][0] != ":":
            fence = match[1]
            if match[2]:
                yield number, line
            continue
        yield number, line


def headings(body: str) -> list[tuple[int, int, str]]:
    """(line, level, title) of every heading."""
    found = []
    for number, line in lines_outside_code(body):
        if match := HEADING.match(line):
            found.append((number, len(match[1]), match[2]))
    return found


def directives(body: str) -> list[tuple[int, str, str]]:
    """(line, name, argument) of every fenced directive."""
    found = []
    for number, line in lines_outside_code(body):
        match = FENCE.match(line)
        if match and match[2]:
            found.append((number, match[2].strip("{}"), match[3].strip()))
    return found


def roles(body: str, pattern: re.Pattern) -> list[tuple[int, str]]:
    """(line, target) of every role; several keys in one citation are given one by one."""
    found = []
    for number, line in enumerate(body.split("\n"), start=1):
        for match in pattern.finditer(line):
            found += [(number, key.strip()) for key in match[1].split(",") if key.strip()]
    return found


def cited_keys(root: Path) -> set[str]:
    """Every key that a page or notebook of the book cites."""
    keys = set()
    for path in (root / "book").rglob("*"):
        if path.suffix in (".md", ".ipynb") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            keys |= {key for _, key in roles(text, CITE)}
    return keys
