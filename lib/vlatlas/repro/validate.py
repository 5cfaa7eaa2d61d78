"""From the text of a page to its validated data, or to problems that name file, line and remedy."""

from pydantic import ValidationError

from . import frontmatter
from .front import Page, fields_of
from .problems import Problem, did_you_mean

START = "begin the page with '---', a `paper:` block and '---'"


def read_front(text: str, file: str) -> tuple[dict | None, frontmatter.Lines, list[Problem]]:
    """The page's `paper` block as plain JSON-able data (None if it is not valid), its lines, and what is
    wrong."""
    head, _ = frontmatter.split(text)
    if head is None:
        return None, {}, [Problem(file, 1, "the page has no front matter", START)]
    data, lines, problems = frontmatter.parse(head, file)
    if problems:
        return None, lines, problems
    if not isinstance(data, dict) or "paper" not in data:
        return None, lines, [Problem(file, 1, "the front matter has no `paper:` block", START)]
    try:
        page = Page.model_validate(data)
    except ValidationError as error:
        return None, lines, [_problem(item, file, lines) for item in error.errors()]
    repeats = _repeats(page, file, lines)
    return (None if repeats else page.paper.model_dump(mode="json")), lines, repeats


def _problem(item: dict, file: str, lines: frontmatter.Lines) -> Problem:
    path = tuple(part for part in item["loc"] if part != "[key]")
    name = ".".join(map(str, path))
    kind, given = item["type"], item.get("input")
    if kind == "missing":
        return Problem(file, line_of(lines, path), f"{name} is missing", f"add `{path[-1]}:` here")
    if kind == "extra_forbidden":
        known = fields_of(path[:-1])
        guess = did_you_mean(str(path[-1]), known)
        return Problem(file, line_of(lines, path), f"{name} is unknown", guess or f"known are {', '.join(known)}")
    if given is None:
        return Problem(file, line_of(lines, path), f"{name} is empty", "fill it in")
    reason = "not one of the allowed words" if kind == "literal_error" else item["msg"]
    shown = repr(given) if len(repr(given)) <= 60 else repr(given)[:57] + "..."
    remedy = _remedy(kind, item, given)
    return Problem(file, line_of(lines, path), f"{name} = {shown} is not valid ({reason})", remedy)


def _remedy(kind: str, item: dict, given) -> str:
    context = item.get("ctx") or {}
    if kind == "literal_error":
        allowed = context.get("expected", "")
        words = [w.strip(" '") for w in allowed.replace(" or ", ", ").split(",")]
        return did_you_mean(str(given), words) or f"use one of {', '.join(words)}"
    if kind == "string_pattern_mismatch":
        return f"it must match {context.get('pattern')}"
    if kind in ("string_too_short", "too_short"):
        return "fill it in"
    return {
        "string_type": "quote it, so that YAML reads text",
        "list_type": "write a list: [a, b]",
        "model_type": "write a mapping: {name: value}",
        "bool_parsing": "use true or false",
    }.get(kind, "correct the value")


def line_of(lines: frontmatter.Lines, path: tuple) -> int:
    """The line of a value, or of the nearest block around it; 1 if there is none."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def _repeats(page: Page, file: str, lines: frontmatter.Lines) -> list[Problem]:
    problems = []
    for group in ("claims", "controls"):
        seen = set()
        for index, item in enumerate(getattr(page.paper, group)):
            if item.id in seen:
                line = line_of(lines, ("paper", group, index, "id"))
                problems.append(Problem(file, line, f"two {group} have the id {item.id!r}", "rename one of them"))
            seen.add(item.id)
    return problems
