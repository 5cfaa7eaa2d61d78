"""bibtexparser and our reader agree on the bibliography; where they would not, the check says so."""

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.check import second_reader


def test_both_readers_agree_on_the_real_bibliography():
    found = catalogue.load(paths.root())
    assert len(found.bib) > 100 and second_reader.check(found) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("@misc{a, title = {One}, year = 2020, eprint = {2001.00001}}", None),
        ("@misc{a, title = {One}, eprint = {2001.00001}}", "a: bibtexparser reads 'title' otherwise"),
        ("@misc{b, title = {Two}}", "a: bibtexparser cannot read the entry"),
    ],
)
def test_a_disagreement_is_named(make_atlas, entry, fault):
    atlas = make_atlas()
    atlas.write("papers.bib", entry)
    found = catalogue.load(atlas.root)
    if fault and "otherwise" in fault:
        found.bib["a"].fields["title"] = "Another"
    if fault and "cannot" in fault:
        found.bib["a"] = found.bib["b"]
    messages = [p.message for p in second_reader.check(found)]
    assert messages == ([fault] if fault else [])
