"""YAML front matter: plain data out of a page, with the line of every value, and nothing else.

Only strings, numbers, booleans, null, lists and mappings are built (YAML's safe subset). Aliases, deep
nesting, huge blocks and repeated keys are refused, so that a page from a stranger costs no more than its
size.
"""

import yaml

from .problems import Problem

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_CHARACTERS = 100_000
MAX_DEPTH = 12
MAX_COLLECTIONS = 5_000

Lines = dict[tuple, int]  # path of keys and indices -> line in the file


def split(text: str) -> tuple[str | None, str]:
    """The front matter of a page (None if it has none) and its body, which keeps its line numbers by
    padding."""
    if not text.startswith("---\n"):
        return None, text
    end = text.find("\n---\n", 3)
    if end < 0:
        return None, text
    head = text[4 : end + 1]
    return head, "\n" * (head.count("\n") + 2) + text[end + 5 :]


def parse(text: str, file: str, offset: int = 1) -> tuple[object, Lines, list[Problem]]:
    """The data of a YAML block that begins after line `offset` of `file`, the lines of its values, and its
    faults."""
    problems: list[Problem] = []
    if len(text) > MAX_CHARACTERS:
        message = f"the front matter has {len(text)} characters, more than {MAX_CHARACTERS}"
        return None, {}, [Problem(file, 1, message, "move long text into the body of the page")]
    try:
        fault = _too_rich(text)
        if fault:
            line, message, remedy = fault
            return None, {}, [Problem(file, line + offset, message, remedy)]
        loader = LOADER(text)
        try:
            node = loader.get_single_node()
            lines: Lines = {}
            _walk(node, (), lines, problems, file, offset)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 + offset if mark else 0
        remedy = "mend the YAML (a value with ': ' or '#' needs quotes; indent with spaces)"
        return (
            None,
            {},
            [Problem(file, line, f"the front matter is not YAML: {error.problem or error}", remedy)],
        )
    except (yaml.YAMLError, ValueError) as error:  # unprintable characters; impossible dates and numbers
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return (
            None,
            {},
            [Problem(file, 1, f"the front matter is not YAML: {reason}", "mend or quote the value")],
        )
    return data, lines, problems


def _too_rich(text: str) -> tuple[int, str, str] | None:
    depth = collections = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            return event.start_mark.line + 1, "the front matter uses a YAML alias", "write the value out"
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth, collections = depth + 1, collections + 1
            if depth > MAX_DEPTH or collections > MAX_COLLECTIONS:
                return (
                    event.start_mark.line + 1,
                    "the front matter is nested too deeply or too large",
                    "flatten it",
                )
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
    return None


def _walk(node, path: tuple, lines: Lines, problems: list[Problem], file: str, offset: int) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1 + offset)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else str(key.tag)
            line = key.start_mark.line + 1 + offset
            if name in seen:
                problems.append(Problem(file, line, f"the key {name!r} is stated twice", "keep one of the two"))
            seen.add(name)
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, problems, file, offset)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1 + offset
            _walk(value, (*path, index), lines, problems, file, offset)
