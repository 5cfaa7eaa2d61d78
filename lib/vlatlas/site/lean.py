"""Pages load what they use: scripts and styles of extensions only where their marks stand, style rules only if they apply."""

import hashlib
import re
from pathlib import Path

from ..repro import atomic

# Part of a file's name -> what a page must contain for the file to be of use to it.
NEEDS = {
    "sphinx-design": ('class="sd-', " sd-"),
    "design-tabs": ("sd-tab-",),
    "mystnb": ("cell_input", "cell_output", "ansi-"),
    "exercise.css": ("exercise", "solution"),
    "copybutton": ("highlight",),
    "clipboard": ("highlight",),
    "togglebutton": ("toggle", "dropdown"),
    "atlas-filter": ("data-filters",),
    "atlas-lineage": ('class="lineage"',),
    "atlas-slides": ('class="cell',),
}


def needed(name: str, body: str) -> bool:
    """Whether a page with this body uses a file: yes, unless the file is known to serve only marks that are not there."""
    marks = next((marks for part, marks in NEEDS.items() if part in name), None)
    return marks is None or any(mark in body for mark in marks)


def leave_out(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Take the scripts and styles off a page that it does not use."""
    body = context.get("body") or ""
    for kind in ("css_files", "script_files"):
        context[kind] = [f for f in context[kind] if needed(f"{f} {f.attributes.get('body') or ''}".lower(), body)]


COMMENT = re.compile(r"/\*.*?\*/", re.S)
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
INSIDE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]")
BRACE = re.compile(r"""[{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.S)
RULES = "1"  # of trimming; another number when they change, so that nothing older is taken
STRING = re.compile(r"[\w-]{2,}")


def trim(css: str, names: set[str]) -> str:
    """A style sheet without comments and without the rules whose selectors all ask for a class or id that no page has.

    What stands inside :not(), :is(), :where() and :has() does not count against a rule.
    """
    out, at = [], 0
    css = COMMENT.sub("", css)
    while (brace := css.find("{", at)) >= 0:
        head, end, depth = css[at:brace], brace + 1, 1
        semicolon = head.rfind(";")  # @charset and @import have no block
        if semicolon >= 0:
            out.append(head[: semicolon + 1].strip())
            head = head[semicolon + 1 :]
        while depth:
            following = BRACE.search(css, end)
            if following is None:
                raise ValueError(f"a style sheet has a block without an end, near {head.strip()[:60]!r}")
            depth += {"{": 1, "}": -1}.get(following[0], 0)
            end = following.end()
        head, block, at = head.strip(), css[brace + 1 : end - 1], end
        if head.startswith(("@media", "@supports", "@layer", "@container")):
            inner = trim(block, names)
            out += [f"{head}{{{inner}}}"] * bool(inner)
        elif head.startswith("@"):
            out.append(f"{head}{{{block.strip()}}}")
        else:
            kept = [s for s in _selectors(head) if set(NAME.findall(INSIDE.sub("", s))) <= names]
            out += [f"{','.join(kept)}{{{block.strip()}}}"] * bool(kept)
    return "".join(out) + css[at:].strip()


def _trimmed(folder: Path, css: str, names: set[str]) -> Path:
    """The file with what `trim` makes of a sheet: one for each sheet and the names that count for it, made once."""
    key = hashlib.sha256("\0".join([css, RULES, *sorted(names)]).encode()).hexdigest()
    path = folder / f"{key}.css"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, trim(css, names))
    return path


def _selectors(head: str) -> list[str]:
    """The selectors of a rule: split at commas outside parentheses."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(head):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            parts.append(head[start:at].strip())
            start = at + 1
    return [*parts, head[start:].strip()]


def trim_styles(html: Path, classes: set[str]) -> dict[str, tuple[int, int]]:
    """Trim the theme's style sheets of a built site in place; file -> bytes before and after.

    classes: names that stand in pages; names that a script writes (any word in the scripts of the site) stay as well.
    What a sheet becomes is kept beside the site, as each build copies the theme's sheets anew.
    """
    static = html / "_static"
    names = set(classes)
    for script in [*static.glob("*.js"), *static.glob("scripts/*.js"), *html.glob("search*.html")]:
        names |= set(STRING.findall(script.read_text(encoding="utf-8")))
    out, kept = {}, set()
    for sheet in sorted([*static.glob("styles/*.css"), *static.glob("*.css")]):
        before = sheet.read_text(encoding="utf-8")
        path = _trimmed(html.parent / ".sheets", before, names & set(NAME.findall(before)))
        after = path.read_text(encoding="utf-8")
        kept.add(path)
        if len(after) < len(before):
            atomic.write_text(sheet, after)
        out[sheet.name] = (len(before), len(after))
    for path in {*(html.parent / ".sheets").glob("*.css")} - kept:
        path.unlink()
    return out
