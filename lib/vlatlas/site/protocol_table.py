"""{protocol-table} PROTOCOL: what the records of its papers call by the same name, side by side."""

from sphinx.util.docutils import SphinxDirective

from ..repro.shown import number
from .claims import shown_records
from .elements import grid, make
from .parts import paragraph
from .state import atlas


class ProtocolTable(SphinxDirective):
    """A row for each line `metric: label` of the body, a column for each paper with a record; a table for each profile."""

    required_arguments = 1
    has_content = True

    def run(self):
        protocol = self.arguments[0]
        try:
            wanted = labels(self.content)
            groups = {k: (names, rows_of(wanted, kept)) for k, (names, kept) in by_profile(atlas(self.env.app), protocol).items()}
        except ValueError as error:
            raise self.error(f"protocol-table: {error}") from None
        out = []
        for profile, (names, rows) in groups.items():
            caption = f"Protocol {protocol}, profile {profile}: mean ± standard deviation over seeds"
            head = [("Metric", None), *((name, None) for name in names)]
            out.append(make("div", grid(head, [({}, cells) for cells in rows], caption), class_="atlas-table"))
        return out or [paragraph(f"No paper of the protocol {protocol} has a record yet.")]


def labels(lines) -> dict[str, str]:
    """metric -> label, from lines "metric: label".

    Raises:
        ValueError: a line of another form, or no line.
    """
    found = {}
    for line in filter(str.strip, lines):
        metric, colon, label = (part.strip() for part in line.partition(":"))
        if not (metric and colon and label):
            raise ValueError(f"{line!r} is not of the form 'metric: label'")
        found[metric] = label
    if not found:
        raise ValueError("the body names no metric; write lines 'metric: label'")
    return found


def by_profile(found, protocol: str) -> dict[str, tuple[list[str], list]]:
    """profile -> the papers' names and their records. One profile to a table: different amounts of work are not compared."""
    groups: dict[str, tuple[list[str], list]] = {}
    for paper in found.papers.values():
        if paper.data and paper.data["protocol"] == protocol:
            for profile, record in shown_records(paper).items():
                names, records = groups.setdefault(profile, ([], []))
                names.append(paper.name)
                records.append(record)
    return groups


def rows_of(wanted: dict[str, str], records: list) -> list[list[str]]:
    """A row of texts for each metric: its label, and each record's value or a dash.

    Raises:
        ValueError: a metric that no record has.
    """
    measured = [record.data["metrics"] for record in records]
    if unknown := [name for name in wanted if not any(name in metrics for metrics in measured)]:
        raise ValueError(f"no record has {', '.join(unknown)}; name metrics that notebooks record")
    return [[label, *(_cell(metrics.get(name)) for metrics in measured)] for name, label in wanted.items()]


def _cell(value: dict | None) -> str:
    if value is None:
        return "–"
    return number(value["mean"]) + (f" ± {number(value['sd'])}" if value["sd"] is not None else "")
