"""A small, safe language for predicates over recorded metrics: parsed to a tree, checked, walked; never run
as code.

Numbers, names of metrics, + - * / **, comparisons (chained), and / or / not, parentheses; abs(x), min(x, y,
...), max(x, y, ...); and over the seeds of a run: mean(e), sd(e), lo(e), hi(e) (95 % t-interval of the
mean), worst(e), best(e) (smallest and largest), every(c) (c holds for each seed, paired), n() (number of
seeds). A name outside such a function is its mean over the seeds.
"""

import ast
import operator
import re
import warnings

from . import stats

MAX_LENGTH, MAX_NODES, MAX_DEPTH = 500, 200, 40
BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
          ast.Pow: operator.pow}  # fmt: skip
COMPARE = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
           ast.Eq: operator.eq,
           ast.NotEq: operator.ne}  # fmt: skip
OVER_SEEDS = {"mean": stats.mean, "sd": stats.sd, "lo": lambda v: stats.interval(v)[0],
              "hi": lambda v: stats.interval(v)[1], "worst": min, "best": max}  # fmt: skip
SCALAR = {"abs": (1, 1, abs), "min": (2, MAX_NODES, min), "max": (2, MAX_NODES, max)}
FUNCTIONS = sorted([*OVER_SEEDS, *SCALAR, "every", "n"])
BOOLEAN, NUMBER = "a condition", "a number"

Metrics = dict[str, list[float]]  # one value per seed, or a single value that holds for all


class ExpressionError(ValueError):
    """The text is not an expression of the language."""


class UnknownMetric(KeyError):
    """The expression names metrics that the run did not record; `names` lists them."""

    def __init__(self, names: list[str]):
        super().__init__(", ".join(names))
        self.names = names


class Expression:
    """A parsed expression: `kind` (a condition or a number), `names` of its metrics, and `value(metrics)`."""

    def __init__(self, text: str):
        self.text = text
        self.tree = _parse(text)
        self.names: list[str] = []
        self.kind = _check(self.tree, self.names, inside=None)

    def value(self, metrics: Metrics) -> float | bool:
        """The value for recorded metrics.

        Raises:
            UnknownMetric: a name is not recorded. ArithmeticError: division by zero, overflow, a complex
            power.
        """
        missing = [name for name in self.names if name not in metrics]
        if missing:
            raise UnknownMetric(missing)
        return _evaluate(self.tree, metrics, seeds_of(metrics), None)


def seeds_of(metrics: Metrics) -> int:
    """The number of seeds: the length of the longest list (1 if there are no metrics)."""
    return max((len(values) for values in metrics.values()), default=1)


def parse(text: str, kind: str | None = None) -> Expression:
    """Parse; with `kind` (BOOLEAN or NUMBER) also require what it yields.

    Raises:
        ExpressionError: not of the language, or of the other kind.
    """
    expression = Expression(text)
    if kind and expression.kind != kind:
        raise ExpressionError(f"{text!r} gives {expression.kind}, where {kind} is needed")
    return expression


def per_seed(expression: Expression, metrics: Metrics) -> list[float]:
    """The values of a number for each seed, paired. An expression that aggregates has one value."""
    missing = [name for name in expression.names if name not in metrics]
    if missing:
        raise UnknownMetric(missing)
    count = seeds_of(metrics)
    aggregates = any(isinstance(node, ast.Call) and node.func.id not in SCALAR for node in ast.walk(expression.tree))
    if aggregates:
        return [float(_evaluate(expression.tree, metrics, count, None))]
    if all(len(metrics[name]) == 1 for name in expression.names):
        return [float(_evaluate(expression.tree, metrics, count, 0))]
    return [float(_evaluate(expression.tree, metrics, count, seed)) for seed in range(count)]


def _parse(text: str) -> ast.expr:
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression is text of at most {MAX_LENGTH} characters")
    strange = re.search(r"[^A-Za-z0-9_ \t\n.,()<>=!+*/-]", text)
    if strange:
        raise ExpressionError(f"{text!r}: the character {strange[0]!r} has no place in an expression")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # `1if` and the like are refused below
            tree = ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deep"
        raise ExpressionError(f"{text!r} cannot be read: {reason}") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES or _depth(tree) > MAX_DEPTH:
        raise ExpressionError(f"{text!r} is too long or too deep; split it into several claims")
    return tree


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _need(node: ast.expr, kind: str, names: list[str], inside: str | None) -> None:
    found = _check(node, names, inside)
    if found != kind:
        raise ExpressionError(f"{ast.unparse(node)!r} is {found}, where {kind} is needed")


def _check(node: ast.expr, names: list[str], inside: str | None) -> str:
    """The kind of a node; collects metric names; `inside` is the seed function around it, if any."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if not abs(node.value) < 1e300:
            raise ExpressionError(f"{ast.unparse(node)} is too large a number")
        return NUMBER
    if isinstance(node, ast.Name):
        if node.id not in names:
            names.append(node.id)
        return NUMBER
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        _need(node.left, NUMBER, names, inside)
        _need(node.right, NUMBER, names, inside)
        return NUMBER
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        kind = BOOLEAN if isinstance(node.op, ast.Not) else NUMBER
        _need(node.operand, kind, names, inside)
        return kind
    if isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
        for operand in (node.left, *node.comparators):
            _need(operand, NUMBER, names, inside)
        return BOOLEAN
    if isinstance(node, ast.BoolOp):
        for operand in node.values:
            _need(operand, BOOLEAN, names, inside)
        return BOOLEAN
    if isinstance(node, ast.Call):
        return _check_call(node, names, inside)
    raise ExpressionError(f"{ast.unparse(node)!r} has no place in an expression")


def _check_call(node: ast.Call, names: list[str], inside: str | None) -> str:
    if not isinstance(node.func, ast.Name) or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise ExpressionError(f"{ast.unparse(node)!r} is not a call of the language; known are {', '.join(FUNCTIONS)}")
    name, given = node.func.id, len(node.args)
    if name not in FUNCTIONS:
        raise ExpressionError(f"the function {name!r} is unknown; known are {', '.join(FUNCTIONS)}")
    low, high = (0, 0) if name == "n" else SCALAR[name][:2] if name in SCALAR else (1, 1)
    if not low <= given <= high:
        raise ExpressionError(f"{name}() takes {low if low == high else f'at least {low}'} arguments, not {given}")
    if name not in SCALAR:
        if inside:
            raise ExpressionError(f"{name}() is inside {inside}(): one function over seeds cannot hold another")
        inside = name
    for argument in node.args:
        _need(argument, BOOLEAN if name == "every" else NUMBER, names, inside)
    return BOOLEAN if name == "every" else NUMBER


def _evaluate(node: ast.expr, metrics: Metrics, count: int, seed: int | None):
    """Walk a checked tree; `seed` is the seed's index inside a function over seeds, None outside."""

    def go(child: ast.expr, at: int | None = seed):
        return _evaluate(child, metrics, count, at)

    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.Name):
        values = metrics[node.id]
        return stats.mean(values) if seed is None else values[seed if len(values) > 1 else 0]
    if isinstance(node, ast.BinOp):
        value = BINARY[type(node.op)](go(node.left), go(node.right))
        if isinstance(value, complex):
            raise ArithmeticError(f"{ast.unparse(node)!r} is not a real number")
        return value
    if isinstance(node, ast.UnaryOp):
        return not go(node.operand) if isinstance(node.op, ast.Not) else -go(node.operand)
    if isinstance(node, ast.Compare):
        operands = [go(operand) for operand in (node.left, *node.comparators)]
        return all(COMPARE[type(op)](operands[i], operands[i + 1]) for i, op in enumerate(node.ops))
    if isinstance(node, ast.BoolOp):
        values = [go(value) for value in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    name = node.func.id
    if name == "n":
        return float(count)
    if name in SCALAR:
        return SCALAR[name][2](*map(go, node.args))
    each = [go(node.args[0], index) for index in range(count)]
    return all(each) if name == "every" else OVER_SEEDS[name](each)
