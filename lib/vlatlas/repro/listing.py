"""`vlatlas list`, `show` and `compare`: the catalogue as text, JSON and CSV."""

import csv
import io
import json
import textwrap

from .. import paths
from .catalogue import Catalogue, Paper
from .records import Record
from .shown import measured_text, number
from .summary import claims_table, table, width
from .vocabulary import HEADLINE_ORDER

SCHEMA = 1


def entry(paper: Paper) -> dict:
    """One paper as `vlatlas list --json` prints it; the book's chapter on records documents the fields."""
    record = paper.headline_record()
    verdicts = {c["id"]: c["verdict"] for c in record.claims} if record else {}
    bib = paper.bib
    return {
        "schema": SCHEMA,
        "slug": paper.slug,
        "name": paper.name,
        "title": paper.title,
        "authors": bib.authors if bib else [],
        "family": paper.family,
        "year": bib.year if bib else None,
        "venue": bib.venue if bib else None,
        "arxiv": bib.arxiv if bib else None,
        "url": bib.url if bib else None,
        "code": bib.code if bib else None,
        "status": paper.status,
        "protocol": paper.data["protocol"] if paper.data else None,
        "verdict": record.verdict if record else None,
        "claims": [
            {"id": c["id"], "says": c["says"], "verdict": verdicts.get(c["id"])}
            for c in (paper.data["claims"] if paper.data else [])
        ],
        "records": {profile: _brief(paper, r) for profile, r in paper.records.items()},
        "runs": {profile: _brief(paper, r) for profile, r in paper.runs.items()},
    }


def _brief(paper: Paper, record: Record) -> dict:
    return {
        "path": paths.relative(record.path, paper.root),
        "date": record.date,
        "seeds": record.seeds,
        "device": record.device,
        "verdict": paper.judged(record).verdict,
        "sealed": record.sealed,
    }


def list_papers(papers: list[Paper], as_json: bool) -> str:
    """The papers as a table with a line of counts, or as JSON."""
    if as_json:
        return json.dumps([entry(p) for p in papers], indent=2, ensure_ascii=False)
    if not papers:
        return "no paper matches"
    rows, counts = [], {}
    for paper in papers:
        counts[paper.status] = counts.get(paper.status, 0) + 1
        year, venue = (paper.bib.year or "", paper.bib.venue) if paper.bib else ("", "")
        rows.append(
            (
                paper.slug,
                paper.family or "",
                str(year),
                venue[:16],
                paper.status,
                paper.verdict or "-",
                paper.title,
            )
        )
    total = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    return table(("paper", "family", "year", "venue", "status", "verdict", "title"), rows, cut=True) + f"\n\n{total}"


def show(paper: Paper) -> str:
    """Everything about one paper: facts, summary, claims, and its records with their age."""
    bib, data = paper.bib, paper.data
    lines = [paper.title]
    if bib:
        lines += [", ".join(bib.authors), f"{bib.venue} {bib.year or ''}".strip()]
        lines += [f"{label}: {value}" for label, value in (("paper", bib.url), ("code", bib.code)) if value]
    lines += [f"family: {paper.family}   status: {paper.status}   verdict: {paper.verdict or 'none yet'}"]
    if data is None:
        return "\n".join([*lines, "", "It has no valid page yet." if paper.status != "planned" else "It has no page yet."])
    lines += ["", textwrap.fill(" ".join(data["tldr"].split()), width()), ""]
    record = paper.headline_record()
    if record:
        lines += [claims_table(record), ""]
    else:
        rows = [(c["id"], c["says"], c["paper"]["value"], c["paper"]["where"]) for c in data["claims"]]
        lines += [table(("claim", "says", "paper", "where"), rows), ""]
    lines += _ages(paper)
    lines += [f"page: {paths.relative(paper.page, paper.root)}"]
    if paper.status == "notebook":
        lines += [f"reproduce it: vlatlas reproduce {paper.slug}"]
    return "\n".join(lines)


def _ages(paper: Paper) -> list[str]:
    from .digests import stale
    from .sources import Sources

    lines, sources = [], Sources()
    for label, held in (("committed", paper.records), ("run here", paper.runs)):
        for profile, record in held.items():
            state = "changed by hand" if not record.sealed else ""
            if not state and paper.status == "notebook":
                changed = stale(record, paper.notebook, sources, environment=label == "run here")
                state = f"stale: {' and '.join(changed)} changed" if changed else "fresh"
            path = paths.relative(record.path, paper.root)
            made = f"{record.date}, {len(record.seeds)} seeds, {record.device}"
            lines.append(f"{label}, {profile}: {made}; {state} ({path})")
    return [*lines, *(f"unreadable: {fault}" for fault in paper.record_faults), *([""] if lines else [])]


def compare(catalogue: Catalogue, protocol: str, profile: str | None, form: str) -> str:
    """The papers of one protocol side by side, from records of one profile.

    Raises:
        ValueError: no paper has this protocol (names those that exist), or none has a record.
    """
    known = {p.data["protocol"] for p in catalogue.papers.values() if p.data and p.data["protocol"]}
    if protocol not in known:
        raise ValueError(f"no protocol {ascii(protocol[:60])}; known are {', '.join(sorted(known)) or 'none'}")
    papers = [p for p in catalogue.papers.values() if p.data and p.data["protocol"] == protocol]
    profile = profile or _common_profile(papers)
    found = [(p, p.judged(r)) for p in papers if (r := p.records.get(profile) or p.runs.get(profile)) and r.sealed]
    if not found:
        raise ValueError(f"no paper of {protocol!r} has a {profile} record yet; run: vlatlas reproduce --all")
    if form == "table":
        return _compare_table(protocol, profile, found)
    rows = [
        {"protocol": protocol, "profile": profile, "slug": p.slug, "metric": name, "mean": item["mean"],
         "sd": item["sd"], "seeds": len(r.seeds), "date": r.date, "verdict": r.verdict}
        for p, r in found
        for name, item in r["metrics"].items()
    ]  # fmt: skip
    if form == "json":
        return json.dumps(rows, indent=2)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else ["protocol"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")


def _common_profile(papers: list[Paper]) -> str:
    """The profile with the most records; the more thorough one of equals."""
    counts = {name: sum(name in p.records or name in p.runs for p in papers) for name in HEADLINE_ORDER}
    return max(HEADLINE_ORDER, key=lambda name: counts[name])


def _compare_table(protocol: str, profile: str, found: list[tuple[Paper, Record]]) -> str:
    names = [name for _, record in found for name in record["metrics"]]
    shared = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    text = [f"{protocol}, {profile} profile; mean ± standard deviation over seeds"]
    if shared:
        rows = []
        for paper, record in found:
            items = [record["metrics"].get(name) for name in shared]
            rows.append((paper.slug, record.verdict or "-", *(_cell(item) if item else "" for item in items)))
        text.append(table(("paper", "verdict", *shared), rows))
    rows = [(p.slug, c["id"], c["paper"]["value"], measured_text(c) or "-", c["verdict"]) for p, r in found for c in r.claims]
    return "\n\n".join([*text, table(("paper", "claim", "published", "measured", "verdict"), rows)])


def _cell(item: dict) -> str:
    return number(item["mean"]) + (f" ± {number(item['sd'])}" if item["sd"] is not None else "")
