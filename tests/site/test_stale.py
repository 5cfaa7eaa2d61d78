"""A record whose inputs changed is called stale on the paper's page; a fresh one is not."""

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.digests import Inputs
from vlatlas.repro.records import Record
from vlatlas.site.claims import ages


def test_a_page_says_when_its_numbers_are_of_an_older_state():
    paper = catalogue.load(paths.root())["clip"]
    kept = paper.records["cpu"]
    extra = kept["provenance"]["modules"]
    now = Inputs.read(paper.notebook, kept["parameters"], extra=extra).digests()

    def with_digests(digests: dict) -> Record:
        return Record(kept.data | {"provenance": kept["provenance"] | {"digests": digests}})

    fresh = with_digests(kept.digests | now)
    assert ages(paper, {"cpu": fresh}) == []
    (line,) = ages(paper, {"cpu": with_digests(fresh.digests | {"library": "0", "notebook": "0"})})
    said = line.astext()
    assert said.startswith("Stale: notebook and library changed since the cpu run of 20") and "older state" in said
    assert "stale" in line["classes"]
