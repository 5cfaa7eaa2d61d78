"""From metrics to verdicts. The rules are those of the book's chapter on verdicts, and stand nowhere else in
code."""

from . import expressions
from .expressions import BOOLEAN, NUMBER, ExpressionError, Metrics, UnknownMetric
from .stats import mean, sd
from .vocabulary import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED


def evaluate(expression: str, metrics: Metrics) -> float | bool:
    """The value of an expression over recorded metrics (name -> one value per seed, or a single one).

    Raises:
        ExpressionError: not of the language. UnknownMetric: a name is not recorded. ArithmeticError: no real
        value.
    """
    return expressions.parse(expression).value(metrics)


def judge(claims: list[dict], controls: list[dict], record: dict) -> tuple[list[dict], list[dict]]:
    """Judge a page's claims and controls (as plain dicts) on a record's `metrics`, `seeds` and `profile`.

    Returns the record's `claims` and `controls`: each with its texts, what was measured, and the verdict. A
    claim whose check cannot be evaluated carries `problem` and is 'not testable here'.
    """
    metrics = {name: list(entry["values"]) for name, entry in record["metrics"].items()}
    profile, seeds = record["profile"], len(record["seeds"])
    judged = [_control(control, metrics, profile) for control in controls]
    failed = {c["id"] for c in judged if c["passed"] is False}
    missing = {c["id"] for c in judged if c["passed"] is None}
    return [_claim(claim, metrics, profile, seeds, failed, missing) for claim in claims], judged


def paper_verdict(judged: list[dict]) -> str | None:
    """The summary of a paper's judged claims; None if none of them was testable."""
    verdicts = [c["verdict"] for c in judged if c["verdict"] != NOT_TESTABLE]
    if not verdicts:
        return None
    if all(v == REPRODUCED for v in verdicts):
        return REPRODUCED
    return NOT_REPRODUCED if all(v == NOT_REPRODUCED for v in verdicts) else PARTLY


def measured_expressions(claim: dict) -> list[str]:
    """What is shown as "ours": the stated expressions, else the names in the check."""
    if claim.get("measured"):
        return list(claim["measured"])
    try:
        return expressions.parse(claim["check"]).names if claim.get("check") else []
    except ExpressionError:
        return []


def _measure(claim: dict, metrics: Metrics) -> list[dict]:
    rows = []
    for text in measured_expressions(claim):
        try:
            values = expressions.per_seed(expressions.parse(text, NUMBER), metrics)
        except (ExpressionError, UnknownMetric, ArithmeticError):
            continue  # a profile may record fewer metrics; a fault in the check itself is reported by _holds
        spread = sd(values)
        rows.append(
            {
                "expression": text,
                "values": values,
                "mean": mean(values),
                "sd": spread if spread == spread else None,
            }
        )
    return rows


def _holds(text: str, metrics: Metrics) -> tuple[bool | None, str | None]:
    try:
        return bool(expressions.parse(text, BOOLEAN).value(metrics)), None
    except ExpressionError as error:
        return None, str(error)
    except UnknownMetric as error:
        recorded = ", ".join(sorted(metrics)) or "nothing"
        return None, f"{text!r} names {', '.join(error.names)}, which was not recorded; recorded: {recorded}"
    except ArithmeticError as error:
        return None, f"{text!r} has no value: {error}"


def _control(control: dict, metrics: Metrics, profile: str) -> dict:
    row = {"id": control["id"], "says": control["says"], "check": control["check"], "passed": None}
    if profile in control["profiles"]:
        row["measured"] = _measure(control, metrics)
        row["passed"], problem = _holds(control["check"], metrics)
        if problem:
            row["problem"] = problem
    return row


def _claim(claim: dict, metrics: Metrics, profile: str, seeds: int, failed: set, missing: set) -> dict:
    row = {key: claim[key] for key in ("id", "says", "paper", "check", "direction")}
    row["measured"] = _measure(claim, metrics)
    row["verdict"], row["why"] = NOT_TESTABLE, ""
    if claim["check"] is None:
        row["why"] = "the page states no check"
        return row
    if profile not in claim["profiles"]:
        row["why"] = f"not judged in the {profile} profile"
        return row
    holds, problem = _holds(claim["check"], metrics)
    weaker, weaker_problem = _holds(claim["direction"], metrics) if claim["direction"] else (False, None)
    if problem or weaker_problem:
        row["problem"] = row["why"] = problem or weaker_problem
        return row
    bad = [c for c in claim["controls"] if c in failed]
    unknown = [c for c in claim["controls"] if c in missing]
    if holds and bad:
        row["verdict"], row["why"] = DIRECTION, f"the check holds, but the control {', '.join(bad)} failed"
    elif holds and unknown:
        row["verdict"], row["why"] = (
            DIRECTION,
            f"the check holds, but the control {', '.join(unknown)} was not judged",
        )
    elif holds and seeds < claim["seeds"]:
        row["verdict"], row["why"] = (
            DIRECTION,
            f"the check holds, on {seeds} of the {claim['seeds']} seeds it asks for",
        )
    elif holds:
        row["verdict"], row["why"] = REPRODUCED, "the check holds"
    elif weaker:
        row["verdict"], row["why"] = DIRECTION, "the check fails, its weaker reading holds"
    else:
        row["verdict"], row["why"] = NOT_REPRODUCED, "the check fails"
    return row
