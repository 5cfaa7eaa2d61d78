"""Pages, bibliography, records and table of contents, as `vlatlas check` sees them; and what no field can say."""

import re
from collections import defaultdict

from vlatlas import paths
from vlatlas.repro import catalogue, check

ROOT = paths.root()
FOUND = catalogue.load(ROOT)


def test_the_atlas_is_in_order():
    problems = check.run(ROOT)
    assert problems == [], "\n".join(map(str, problems))


def test_no_two_pages_share_a_sentence():
    where = defaultdict(set)
    for path in sorted((ROOT / "book" / "papers").glob("*/index.md")):
        body = path.read_text(encoding="utf-8").split("---", 2)[2]
        body = re.sub(r"```.*?```|\$\$.*?\$\$|^#.*$", " ", body, flags=re.S | re.M)
        for sentence in re.split(r"(?<=[.!?])\s+", re.sub(r"\s+", " ", body)):
            words = re.sub(r"\W+", " ", sentence.lower()).split()
            if len(words) >= 6:
                where[" ".join(words)].add(path.parent.name)
    shared = {s: sorted(p) for s, p in where.items() if len(p) > 1}
    assert not shared, shared


def test_pages_have_a_readable_length():
    for path in sorted((ROOT / "book" / "papers").glob("*/index.md")):
        body = path.read_text(encoding="utf-8").split("---", 2)[2]
        words = len(re.sub(r"```.*?```|\$\$.*?\$\$", " ", body, flags=re.S).split())
        assert 350 <= words <= 1100, f"{path.parent.name}: {words} words"


def test_notes_without_a_notebook_carry_no_check():
    for paper in FOUND.papers.values():
        if paper.status == "notes" and paper.data:
            assert all(c["check"] is None for c in paper.data["claims"]), paper.slug
            assert not paper.records, f"{paper.slug} has a record without a notebook"
