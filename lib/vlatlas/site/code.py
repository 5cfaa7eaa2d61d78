"""{code-of} dotted.name: the source of an object, found without importing it."""

import ast
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .parts import paragraph, text

LIB = Path(__file__).parent.parent.parent


def source_of(dotted: str) -> tuple[Path, int, str]:
    """File, first line and source of a module, class, function or method `vlatlas.x.y.Z.f`.

    Raises:
        LookupError: there is no such object; names the part that is missing.
    """
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        base = LIB.joinpath(*parts[:cut])
        path = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        if path.is_file():
            break
    else:
        raise LookupError(f"no module {parts[0]!r} in the library")
    lines = path.read_text(encoding="utf-8").splitlines()
    scope, first, last = ast.parse("\n".join(lines)).body, 1, len(lines)
    for name in parts[cut:]:
        kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
        node = next((n for n in scope if isinstance(n, kinds) and n.name == name), None)
        if node is None:
            raise LookupError(f"{path.name} defines no {name!r} (in {dotted})")
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        scope, last = node.body, node.end_lineno
    block = lines[first - 1 : last]
    indent = min((len(x) - len(x.lstrip()) for x in block if x.strip()), default=0)
    return path, first, "\n".join(x[indent:] for x in block)


class CodeOf(SphinxDirective):
    """Shows the source with its place in the library."""

    required_arguments = 1
    has_content = False

    def run(self):
        try:
            path, line, source = source_of(self.arguments[0])
        except LookupError as error:
            raise self.error(f"code-of: {error}") from None
        self.env.note_dependency(str(path))
        box = nodes.container(classes=["code-of"])
        box += paragraph(text(f"lib/{path.relative_to(LIB).as_posix()}, line {line}", "where"))
        box += nodes.literal_block("", source, language="python")
        return [box]
