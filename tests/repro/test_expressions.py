"""The predicate language: values by hand, and nothing outside the language."""

import math
import os
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlatlas.repro import stats
from vlatlas.repro.claims import evaluate
from vlatlas.repro.expressions import ExpressionError, UnknownMetric, parse, per_seed

# How many inputs each fuzz test tries: VLATLAS_EXAMPLES, 300 by default.
FUZZ = settings(max_examples=int(os.environ.get("VLATLAS_EXAMPLES", "300")), deadline=None)

METRICS = {"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 10.0], "c": [5.0]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * 2", 2 + 5 * 2),
        ("-a ** 2", -4.0),
        ("(a - 1) / c", 0.2),
        ("1 < a < 3 <= 3", True),
        ("a == 2 and not b < 5", True),
        ("a > 2 or b > 2", True),
        ("mean(a * b)", (2 + 6 + 30) / 3),  # paired, seed by seed
        ("a * b", 10.0),  # product of means
        ("every(a < b)", True),
        ("every(a > 1.5)", False),
        ("worst(b - a)", 1.0),
        ("best(b - a)", 7.0),
        ("n()", 3.0),
        ("sd(a)", 1.0),
        ("lo(a)", 2 - 4.3027 / math.sqrt(3)),
        ("hi(c + 0 * a)", 5.0),
        ("max(a, b, c)", 5.0),
        ("min(abs(-a), c)", 2.0),
        ("a > 1 # never a comment", None),
        ("a\n  > 1", True),
    ],
)
def test_values_by_hand(text, value):
    if value is None:
        with pytest.raises(ExpressionError):
            evaluate(text, METRICS)
    else:
        assert evaluate(text, METRICS) == pytest.approx(value)


def test_one_seed_has_no_spread_and_no_interval():
    metrics = {"a": [1.0]}
    assert evaluate("lo(a) > -1e299", metrics) is False
    assert evaluate("sd(a) < 1", metrics) is False and evaluate("sd(a) >= 0", metrics) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a.b",
        "a[0]",
        "__import__('os')",
        "(lambda: 1)()",
        "[a]",
        "{a}",
        "'x'",
        "True",
        "None",
        "a if b else c",
        "a := 1",
        "a, b",
        "a;b",
        "f'{a}'",
        "a @ b",
        "a % b",
        "a // b",
        "a & b",
        "~a",
        "+a",
        "a is b",
        "a in b",
        "1j",
        "1_0j",
        "mean(mean(a))",
        "mean(every(a > 1))",
        "max(a)",
        "max()",
        "mean(a, b)",
        "n(a)",
        "abs(a, b)",
        "mean(x=a)",
        "max(*a)",
        "every(a)",
        "mean(a > 1)",
        "(a > 1) + 1",
        "not a",
        "a and b",
        "(a < b) < c",
        "eval(a)",
        "exec(a)",
        "1e999",
        "a" * 501,
        "(" * 300,
        "-" * 300 + "a",
        "a" + "+a" * 240,
        "\u212b",
        "a\u00a0",
        "await a",
        "yield",
        "a: int",
        "...",
        "0x" + "f" * 400,
        "mean",
        "getattr(a, b)",
    ],
)
def test_nothing_else_is_of_the_language(text):
    if text == "mean":  # a name is a name, even a function's; it is no metric here
        with pytest.raises(UnknownMetric):
            evaluate(text, METRICS)
    else:
        with pytest.raises(ExpressionError):
            parse(text)


@pytest.mark.parametrize("text", ["1 / (a - a)", "0 ** -1", "(-1) ** 0.5", "9e99 ** 9", "c ** c ** c ** c"])
def test_what_has_no_value_is_an_arithmetic_error(text):
    with pytest.raises(ArithmeticError):
        evaluate(text, METRICS)


def test_unrecorded_names_are_all_listed():
    with pytest.raises(UnknownMetric) as error:
        evaluate("zz + a > yy", METRICS)
    assert error.value.names == ["zz", "yy"]


def test_per_seed_values_are_paired_or_single():
    assert per_seed(parse("b - a"), METRICS) == [1.0, 1.0, 7.0]
    assert per_seed(parse("c * 2"), METRICS) == [10.0]
    assert per_seed(parse("mean(a) - 1"), METRICS) == [1.0]


GRAMMAR = st.recursive(
    st.sampled_from(["a", "b", "c", "1", "0.5", "2e3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda e: f"abs({e})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    ),
    max_leaves=8,
)


@FUZZ
@given(GRAMMAR)
def test_arithmetic_agrees_with_python(text):
    names = {"a": 2.0, "b": 5.0, "c": 5.0, "abs": abs, "max": max}
    try:
        expected = eval(text, {"__builtins__": {}}, names)
    except ZeroDivisionError:
        with pytest.raises(ArithmeticError):
            evaluate(text, METRICS)
        return
    assert evaluate(text, METRICS) == pytest.approx(expected)


@FUZZ
@given(st.text(alphabet="abc019.+-*/<>=!()_,; \n\t[]'\"lomeansdvryik", max_size=60))
def test_any_text_is_evaluated_or_refused(text):
    try:
        value = evaluate(text, METRICS)
    except (ExpressionError, UnknownMetric, ArithmeticError):
        return
    assert isinstance(value, (float, bool))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_statistics_agree_with_the_standard_library(values):
    assert stats.mean(values) == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert stats.sd(values) == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)


def test_t_quantiles_agree_with_scipy():
    scipy_stats = pytest.importorskip("scipy.stats")
    for degrees in [*range(1, 60), 100, 1000]:
        assert stats.t_quantile(degrees) == pytest.approx(scipy_stats.t.ppf(0.975, degrees), abs=2e-4)
