"""Measured numbers as people read them."""


def number(value: float) -> str:
    """A measured number for people: three significant digits, no needless zeros."""
    return f"{value:.3g}" if abs(value) < 1e5 else f"{value:.2e}"


def measured_text(row: dict) -> str:
    """ "0.61 ± 0.02" of each measured expression; with its name where there are several."""
    items = row.get("measured") or []
    shown = []
    for item in items:
        text = number(item["mean"]) + (f" ± {number(item['sd'])}" if item["sd"] is not None else "")
        shown.append(f"{item['expression']} {text}" if len(items) > 1 else text)
    return "; ".join(shown)
