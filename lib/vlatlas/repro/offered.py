"""Which profiles a notebook can run in, read from its code and not by running it."""

import ast
from pathlib import Path

from .sources import source_of


def profiles_of(cells: list[dict]) -> tuple[str, ...] | None:
    """The profiles that every table `{"cpu": ..., ...}[profile]` of a notebook has, in the first one's order.

    None: there is no such table, and nothing can be said.
    """
    tables = []
    for cell in cells:
        if cell["cell_type"] == "code":
            try:
                tree = ast.parse(source_of(cell))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # a cell with a notebook command, or one that will fail when it runs
            tables += [_keys(node) for node in ast.walk(tree) if _chooses(node)]
    return tuple(k for k in tables[0] if all(k in t for t in tables)) if tables else None


def _chooses(node: ast.AST) -> bool:
    """Is this `{...}[profile]`, with plain strings as keys?"""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Dict)
        and isinstance(node.slice, ast.Name)
        and node.slice.id == "profile"
        and all(isinstance(k, ast.Constant) and isinstance(k.value, str) for k in node.value.keys)
    )


def _keys(node: ast.Subscript) -> list[str]:
    return [k.value for k in node.value.keys]


def refusal(slug: str, profile: str, offered: tuple[str, ...]) -> str:
    """Why a notebook is not run in a profile, and what to do instead."""
    text = f"{slug}'s notebook has no profile {profile!r}; it has {', '.join(offered)}"
    if profile != "full":
        return text
    own = Path(__file__).resolve().parents[1] / "protocols" / "full" / f"{slug}.py"
    if own.is_file():
        return f"{text}. On real data: python -m vlatlas.protocols.full {slug} --help (see book/guide/real-data.md)"
    return f"{text}. Real data: book/guide/real-data.md"
