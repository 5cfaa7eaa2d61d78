"""The bibliography reader: every entry, every fault with its line, nothing swallowed."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlatlas.repro import bib, bib_parser
from vlatlas.repro.tex import split_names, to_text

# How many inputs each fuzz test tries: VLATLAS_EXAMPLES, 300 by default.
FUZZ = settings(max_examples=int(os.environ.get("VLATLAS_EXAMPLES", "300")), deadline=None)

GOOD = r"""% a comment
@string{neurips = {Advances in Neural Information Processing Systems}}
@inproceedings{li2023flip,
  title = {Scaling {Language-Image} Pre-training},
  author = {Li, Yanghao and Doll{\'a}r, Piotr and {Open {AI} and friends}},
  booktitle = neurips,
  year = 2023, venue = "CVPR",
  eprint = {2212.00794}, archiveprefix = {arXiv}, slug = {flip},
}
@article{a1, title = "A {"}quoted{"} word", year = {20} # {21}}
"""


def test_fields_macros_and_lines():
    entries, problems = bib.read(GOOD)
    assert problems == []
    flip = entries["li2023flip"]
    assert (flip.line, flip.lines["author"], flip.lines["slug"]) == (3, 5, 8)
    assert flip.title == "Scaling Language-Image Pre-training"
    assert flip.authors == ["Yanghao Li", "Piotr Dollár", "Open AI and friends"]
    assert flip.fields["booktitle"] == "Advances in Neural Information Processing Systems"
    assert (flip.venue, flip.year, flip.arxiv, flip.slug) == ("CVPR", 2023, "2212.00794", "flip")
    assert flip.url == "https://arxiv.org/abs/2212.00794"
    assert entries["a1"].year == 2021
    assert "slug" not in flip.to_bibtex() and "slug = {flip}" in flip.to_bibtex(own_fields=True)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("@misc{a,\n title = {open\n}\n@misc{b, year = {2020}}", 1, "not closed"),
        ("@misc{a,\n title = {open,\n year = {2020\n}\n@misc{b, year = {2020}}", 2, "do not balance"),
        ("@misc{a,\n title = {x}\n year = {2020}}", 3, "comma"),
        ("@misc{a, title {x}}", 1, "'='"),
        ("@misc{a,\n\n title = unknown}", 3, "abbreviation"),
        ("@misc{, title = {x}}", 1, "no key"),
        ("@misc(a, title = {x})", 1, "must follow"),
        ("@misc{a, title = {x}", 1, "not closed"),
        ('@misc{a, title = "x}', 1, "do not balance"),
        ("@misc{a, title = {x},, year = {1}}", 1, "comma or brace too many"),
    ],
)
def test_a_fault_names_its_line_and_does_not_hide_the_next_entry(text, line, words):
    entries, problems = bib.read(text + "\n@misc{last, title = {kept}}")
    assert [p.line for p in problems] == [line]
    assert words in problems[0].message
    assert entries["last"].title == "kept"


def test_repeated_keys_and_fields_are_reported_at_their_lines(tmp_path):
    path = tmp_path / "papers.bib"
    path.write_text("@misc{a, year = {1}}\n@misc{a, year = {2}}\n@misc{b,\n year = {1},\n year = {2}}")
    with pytest.raises(bib.BibError) as error:
        bib.load(path)
    assert "papers.bib:2: the key 'a' is already used on line 1" in str(error.value)
    assert "papers.bib:5: b states 'year' twice" in str(error.value)


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"Doll{\'a}r", "Dollár"),
        (r"Lu\v{c}i\'c", "Lučić"),
        (r"J\"org {\O}sterg{\aa}rd", "Jörg Østergård"),
        (r"M{\"u}ller \& S{\o}n", "Müller & Søn"),
        (r"81.1\% for \$10,000", "81.1% for $10,000"),
        (r"na\"{\i}ve", "naïve"),
        (r"GPT--4 {CLIP}", "GPT–4 CLIP"),
        (r"<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_tex_becomes_plain_unicode(tex, text):
    assert to_text(tex) == text


def test_names_split_only_outside_braces():
    assert split_names("A, B and {C and D} and\n E, F") == ["A, B", "{C and D}", "E, F"]


def test_links_of_other_schemes_are_not_links():
    entries, _ = bib.read('@misc{a, url = {javascript:alert(1)}, code = {https://x/" onload=}}')
    assert entries["a"].url is None and entries["a"].code is None


@FUZZ
@given(st.text(alphabet="@misc{}a=,\"#\\ \n12é'%", max_size=120))
def test_any_text_gives_entries_or_faults_never_an_exception(text):
    raws, faults = bib_parser.parse(text)
    lines = text.count("\n") + 1
    assert all(1 <= line <= lines for line, _ in faults)
    assert all(1 <= raw.line <= lines for raw in raws)
    assert len(raws) + len(faults) <= len(re.findall("@", text))


def test_the_atlas_bibliography_reads_as_pybtex_reads_it():
    database = pytest.importorskip("pybtex.database")
    path = next(p / "papers.bib" for p in Path(__file__).resolve().parents if (p / "papers.bib").is_file())
    ours = bib.load(path)
    theirs = database.parse_string(path.read_text(encoding="utf-8"), "bibtex")
    assert {k.lower() for k in ours} == {k.lower() for k in theirs.entries}
    for key, entry in theirs.entries.items():
        for name, value in entry.fields.items():
            assert ours[key].fields[name.lower()] == re.sub(r"\s+", " ", value).strip()
        assert len(ours[key].names) == len(entry.persons.get("author", []))
