"""A strict BibTeX reader: every entry and field with its line, every fault reported, nothing skipped in
silence.

The usual parsers drop an entry they cannot read. Here each fault names its line, and reading goes on at the
next `@` that begins a line, so that one broken entry does not hide the others. The subset is what a
hand-kept bibliography needs: `@type{key, name = {value}, name = "value", name = 2021, name = macro # {..}}`,
`@string`, `@comment`, `@preamble`.
"""

import re
from dataclasses import dataclass, field

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+/-]*")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
SPACE = re.compile(r"\s*")
START = re.compile(r"^[ \t]*@", re.MULTILINE)
MONTHS = {m: m.capitalize() for m in "jan feb mar apr may jun jul aug sep oct nov dec".split()}
MAX_VALUE = 20_000


@dataclass
class Raw:
    """One entry as written: field values without their outer delimiters, and the line of each field."""

    type: str
    key: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    repeated: list[tuple[str, int]] = field(default_factory=list)


class Fault(ValueError):
    """What the reader stumbled over; `at` is the offset in the text."""

    def __init__(self, message: str, at: int):
        super().__init__(message)
        self.at = at


def parse(text: str) -> tuple[list[Raw], list[tuple[int, str]]]:
    """The entries of a bibliography and its faults as (line, message), both in file order."""
    entries, faults, macros = [], [], dict(MONTHS)
    position = 0
    while match := START.search(text, position):
        begin = match.end() - 1
        try:
            entry, position = _entry(text, begin, macros)
            if entry:
                entries.append(entry)
        except Fault as fault:
            line = _line(text, fault.at)
            what = _opening(text, begin)
            faults.append((line, f"{what}{fault}"))
            position = begin + 1
    return entries, faults


def _opening(text: str, begin: int) -> str:
    match = re.compile(r"@\s*(\w*)\s*[{(]?\s*([^\s,{}]*)").match(text, begin)
    return f"@{match[1]}{{{match[2]}}} (line {_line(text, begin)}): " if match else ""


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()


def _entry(text: str, begin: int, macros: dict[str, str]) -> tuple[Raw | None, int]:
    kind = NAME.match(text, begin + 1)
    if not kind:
        raise Fault("an entry type must follow the @", begin)
    type_ = kind[0].lower()
    at = _skip(text, kind.end())
    if type_ == "comment":
        return None, (_braced(text, at, begin)[1] if text[at : at + 1] == "{" else at)
    if text[at : at + 1] != "{":
        raise Fault(f"'{{' must follow @{type_}", begin)
    if type_ == "preamble":
        return None, _braced(text, at, begin)[1]
    at = _skip(text, at + 1)
    if type_ == "string":
        raw, at = _fields(text, at, Raw(type_, "", _line(text, begin)), macros, begin)
        macros.update(raw.fields)
        return None, at
    key = KEY.match(text, at)
    if not key:
        raise Fault("the entry has no key (letters, digits and _.:+/- are allowed)", at)
    raw = Raw(type_, key[0], _line(text, begin))
    at = _skip(text, key.end())
    if text[at : at + 1] == "}":
        return raw, at + 1
    if text[at : at + 1] != ",":
        raise Fault("a comma must follow the key", at)
    return _fields(text, _skip(text, at + 1), raw, macros, begin)


def _fields(text: str, at: int, raw: Raw, macros: dict[str, str], begin: int) -> tuple[Raw, int]:
    while True:
        if at >= len(text) or text[at] == "@":
            raise Fault("the entry is not closed: a '}' is missing", begin)
        if text[at] == "}":
            return raw, at + 1
        name = NAME.match(text, at)
        if not name:
            raise Fault(f"a field name or '}}' is expected here, not {text[at]!r} (a comma or brace too many?)", at)
        field_ = name[0].lower()
        equals = _skip(text, name.end())
        if text[equals : equals + 1] != "=":
            raise Fault(f"'=' must follow the field name {field_!r} (is a comma or brace missing before it?)", at)
        value, end = _value(text, _skip(text, equals + 1), macros, field_)
        if len(value) > MAX_VALUE:
            raise Fault(f"the value of {field_!r} has {len(value)} characters; a brace may be missing", at)
        if field_ in raw.fields:
            raw.repeated.append((field_, _line(text, at)))
        raw.fields[field_], raw.lines[field_] = value, _line(text, at)
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] not in ("}", "@", ""):
            raise Fault(f"a comma or '}}' must follow the value of {field_!r}", at)


def _value(text: str, at: int, macros: dict[str, str], name: str) -> tuple[str, int]:
    parts = []
    while True:
        first = text[at : at + 1]
        if first == "{":
            part, end = _braced(text, at, at)
        elif first == '"':
            part, end = _quoted(text, at)
        elif number := re.compile(r"[0-9]+").match(text, at):
            part, end = number[0], number.end()
        elif macro := NAME.match(text, at):
            if macro[0].lower() not in macros:
                raise Fault(f"the value of {name!r} is an unknown abbreviation {macro[0]!r}; put it in braces", at)
            part, end = macros[macro[0].lower()], macro.end()
        else:
            raise Fault(f"the value of {name!r} must be in braces or quotes", at)
        parts.append(part)
        at = _skip(text, end)
        if text[at : at + 1] != "#":
            return re.sub(r"\s+", " ", "".join(parts)).strip(), end
        at = _skip(text, at + 1)


def _braced(text: str, at: int, blame: int) -> tuple[str, int]:
    depth, position = 0, at
    for match in re.compile(r"\\.|[{}]|\n[ \t]*@\w+\{", re.DOTALL).finditer(text, at):
        token = match[0]
        position = match.start()
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                return text[at + 1 : position], position + 1
        elif token[0] == "\n":
            raise Fault("the braces do not balance: the next entry begins inside this value", blame)
    raise Fault("the braces do not balance: the file ends inside this value", blame)


def _quoted(text: str, at: int) -> tuple[str, int]:
    depth = 0
    for match in re.compile(r'\\.|[{}"]', re.DOTALL).finditer(text, at + 1):
        if match[0] == '"' and depth == 0:
            return text[at + 1 : match.start()], match.end()
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth < 0:
            break
    raise Fault("the quotes do not balance", at)
