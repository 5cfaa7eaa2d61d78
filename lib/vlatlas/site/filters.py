"""The form above a table that `atlas-filter.js` filters: made with the page, so that nothing moves when the script arrives.

Without scripts it is not shown.
"""

from collections import Counter

from .elements import make


def order(value: str) -> tuple:
    """Numbers by size, before texts by letter."""
    return (0, float(value), "") if value.replace(".", "", 1).isdigit() else (1, 0.0, value.casefold())


def options(filter_: dict, rows: list[dict]) -> list:
    """The values of one filter with how many rows have each, or its limits ("at most 5 minutes")."""
    found = [make("option", "all", value="")]
    if "most" in filter_:
        for limit in filter_["most"]:
            unit = filter_["unit"].removesuffix("s") if limit == 1 else filter_["unit"]
            found.append(make("option", f"at most {limit} {unit}", value=limit))
        return found
    count = Counter(value for row in rows for value in str(row[filter_["name"]]).split("|") if value)
    return found + [make("option", f"{value} ({count[value]})", value=value) for value in sorted(count, key=order)]


def form(filters: list[dict], rows: list[dict], caption: str) -> list:
    """The form and the line that says how many rows are shown.

    filters: `name` (an attribute of the rows), `label`, and for limits `most` and `unit`. rows: their attributes; several
    values of one are joined by "|".
    """
    search = make("input", type="search", name="q", id="atlas-q", autocomplete="off", placeholder="word or phrase")
    fields = [make("div", make("label", "Search", for_="atlas-q"), search, class_="wide")]
    for filter_ in filters:
        name = f"atlas-{filter_['name']}"
        select = make("select", *options(filter_, rows), name=filter_["name"], id=name)
        fields.append(make("div", make("label", filter_["label"], for_=name), select))
    fields.append(make("div", make("button", "Show all", type="reset")))
    count = make("p", f"{len(rows)} of {len(rows)} shown", role="status", class_="atlas-count")
    return [make("form", *fields, class_="atlas-filters", role="search", aria_label=caption), count]
