"""`vlatlas check`: a clean atlas passes; each fault is named with file, line and remedy."""

import json

import pytest

from vlatlas.repro import catalogue, check, keeping, runner, scaffold, toc
from vlatlas.repro.check import online

HEADINGS = "# Toy: does it gain?\n" + "\n".join(
    f"## The {word}" for word in ("data", "method", "experiment", "figure", "verdict", "exercises")
)
PAGE = "book/papers/toy/index.md"
NOTEBOOK = "book/papers/toy/reproduce.ipynb"


@pytest.fixture
def atlas(make_atlas):
    atlas = make_atlas("toy", "tie")
    for slug in ("toy", "tie"):
        path = atlas.root / "book/papers" / slug / "reproduce.ipynb"
        data = json.loads(path.read_text())
        data["cells"].insert(0, {"cell_type": "markdown", "id": "h", "metadata": {}, "source": HEADINGS})
        path.write_text(json.dumps(data, indent=1))
    atlas.write("book/families/training.md", "# Training")
    atlas.write("book/index.md", "# Atlas")
    toc.write(catalogue.load(atlas.root))
    return atlas


def found(atlas) -> list[str]:
    return [str(p) for p in check.run(atlas.root)]


def line_of(atlas, path, part) -> int:
    rows = (atlas.root / path).read_text().split("\n")
    return next(i for i, row in enumerate(rows, start=1) if part in row)


def test_a_clean_atlas_has_no_problem(atlas):
    assert found(atlas) == []


PAGE_FAULTS = [
    ("bib: key2020toy", "bib: key2020tyo", "bib:", "no key 'key2020tyo'", "did you mean key2020toy"),
    ("slug: toy", "slug: tie", "slug:", "stands in the folder 'toy'", "same name"),
    ("family: training", "family: loss", "family:", "papers.bib says 'training'", "equal"),
    ("family: training", "family: loss", "family:", "has no chapter", "book/families/loss.md"),
    ("  code: []", "  code: [vlatlas.paths.rooot]", "rooot", "has no rooot", "correct the name"),
    ("  code: []", "  code: []\n  related: [toy]", "related", "itself", ""),
    ("  code: []", "  code: []\n  builds_on: [tye]", "builds_on", "no paper 'tye'", "did you mean tie"),
    ('check: "lo(gain) > 1.5"', 'check: "lo(gain)"', "check:", "a number, where a condition", "correct"),
    ('check: "lo(gain) > 1.5"', 'check: "gain.real > 1"', "check:", "no place", "correct"),
    (
        "controls: [broken]",
        "controls: [borken]",
        "controls: [borken]",
        "no control 'borken'",
        "did you mean broken",
    ),
    ("      controls: [broken]\n", "", "id: broken", "guards no claim", "controls"),
    (', alt: "the curve rises"', "", "figure:", "figure.alt", "add it"),
    ("tldr_zh: 摘要。", "tldr_zh: english", "tldr_zh", "no Chinese", ""),
    ("{footcite:p}`key2020toy`", "{footcite:p}`key2020toy,nokey`", "nokey", "no key 'nokey'", ""),
    ("None.", "As {paper}`tio` did.", "`tio`", "no paper 'tio'", "tie"),
    ("## Limits", "## Limitations", "Limitations", "'Limitations' is unknown", "did you mean Limits"),
    ("## Limits\n\nSome.\n", "", None, "'## Limits' is missing", "add it"),
    ("```{claims}\n```", "", None, "{claims} must stand once, in the section Verdict", ""),
    ("$x$", "```{code-of} vlatlas.paths.roots\n```", "code-of", "has no roots", ""),
]


@pytest.mark.parametrize(("old", "new", "marker", "message", "remedy"), PAGE_FAULTS)
def test_a_fault_of_a_page(atlas, old, new, marker, message, remedy):
    atlas.edit(PAGE, old, new)
    hits = [p for p in check.run(atlas.root) if message in p.message]
    assert hits, found(atlas)
    assert hits[0].file == PAGE and remedy in hits[0].remedy and hits[0].remedy
    assert hits[0].line == (line_of(atlas, PAGE, marker) if marker else 0)


def test_sections_out_of_order(atlas):
    atlas.edit(PAGE, "## Idea", "## TEMP")
    atlas.edit(PAGE, "## Method", "## Idea")
    atlas.edit(PAGE, "## TEMP", "## Method")
    assert any("out of order" in p for p in found(atlas))


NOTEBOOK_FAULTS = [
    (
        '"outputs": []',
        '"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]',
        "stored with outputs",
    ),
    ('"parameters"', '"parmeters"', "no cell is tagged `parameters`"),
    ("seeds = [0, 1, 2]", "seds = [0]", "does not set seeds"),
    ("repro.record(", "repro.rec(", "called 0 times"),
    ('record(\\"toy\\"', 'record(\\"tie\\"', "does not name this paper"),
    ("## The figure", "## The drawing", "no heading with 'figure'"),
    ("does it gain?", "it gains", "does not begin with its question"),
    ("print('measured', gains)", "print('measured', gains", "not Python"),
    ("gains = [", "import vlatlas.nothing\\ngains = [", "no module vlatlas.nothing"),
    ('"cells"', '"sells"', "not a notebook"),
    ("## The figure", "## The figure\\nof {footcite:t}`key2020toy`", "a citation has no list to point to"),
]


@pytest.mark.parametrize(("old", "new", "message"), NOTEBOOK_FAULTS)
def test_a_fault_of_a_notebook(atlas, old, new, message):
    path = atlas.root / NOTEBOOK
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    hits = [p for p in check.run(atlas.root) if message in p.message]
    assert hits and hits[0].file == NOTEBOOK and hits[0].remedy, found(atlas)


def test_a_notebook_with_a_list_may_cite(atlas):
    path = atlas.root / NOTEBOOK
    text = path.read_text()
    path.write_text(text.replace("## The figure", "## The figure\\n{footcite:t}`key2020toy`\\n```{footbibliography}\\n```", 1))
    assert path.read_text() != text
    assert not any("citation" in p for p in found(atlas))


BIB_FAULTS = [
    ("year = {2020}", "year = {20}", "'20' is not a year"),
    ("  title = {Paper {toy}: a title},\n", "", "needs the field 'title'"),
    ("Last, First", "First Last", "'First Last' is not in the form"),
    ("eprint = {2001", "eprint = {201", "is not an arXiv id"),
    ("  archiveprefix = {arXiv},\n", "", "eprint without archiveprefix"),
    ("family = {training}", "family = {trainin}", "the family 'trainin' is unknown"),
    ("  venue = {CONF},\n", "", "needs its short venue"),
    ("@inproceedings", "@inproceeding", "@inproceeding is unknown"),
    ("venue = {CONF}", "venu = {CONF}", "the field 'venu' is unknown"),
    ("slug = {toy}", "slug = {tie}", "the slug is also that of"),
    ("{Paper {toy}: a title}", "{Paper {tie}: a title}", "the title is also that of"),
    ("eprint = {2001.00001}", "eprint = {2001.00002}", "the arXiv id is also that of"),
    ("slug = {toy}", "code = {javascript:x}, slug = {toy}", "not a web address"),
]


@pytest.mark.parametrize(("old", "new", "message"), BIB_FAULTS)
def test_a_fault_of_the_bibliography(atlas, old, new, message):
    path = atlas.root / "papers.bib"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    hits = [p for p in check.run(atlas.root) if message in p.message]
    assert hits and hits[0].file == "papers.bib" and hits[0].line > 0 and hits[0].remedy, found(atlas)


def test_an_entry_that_nobody_cites(atlas):
    with open(atlas.root / "papers.bib", "a") as file:
        file.write("@misc{he2022mae, title = {Masked}, author = {He, K}, year = {2022}, url = {https://x.org}}\n")
    assert any("no page cites it" in p for p in found(atlas))
    atlas.edit(PAGE, "key2020toy`", "key2020toy,he2022mae`")
    assert found(atlas) == []


def test_a_stale_table_of_contents(atlas):
    atlas.paper("new-one", run=False)
    assert any(p.startswith("_toc.yml:") and p.endswith("run: vlatlas toc") for p in found(atlas))
    toc.write(catalogue.load(atlas.root))
    assert found(atlas) == []


class TestRecords:
    @pytest.fixture
    def kept(self, atlas):
        runner.reproduce("toy", root=atlas.root, say=lambda line: None)
        keeping.keep(catalogue.load(atlas.root)["toy"], "cpu")
        assert found(atlas) == []
        return atlas.root / "book/papers/toy/records/cpu.json"

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("2.01", "2.05", "changed by hand"),
            ('"verdict": "reproduced"', '"verdict": "not reproduced"', "changed by hand"),
            ('"schema": 1', '"schema": 0', "schema 0"),
            ('"schema"', "schema", "damaged"),
        ],
    )
    def test_an_edit_by_hand_is_detected(self, atlas, kept, old, new, message):
        kept.write_text(kept.read_text().replace(old, new))
        assert any("records/cpu.json" in p and message in p for p in found(atlas)), found(atlas)

    def test_a_forged_seal_does_not_hide_forged_means_and_verdicts(self, atlas, kept):
        from vlatlas.repro.records import seal

        data = json.loads(kept.read_text())
        data["metrics"]["gain"]["mean"] = 99.0
        data["claims"][1]["verdict"] = "reproduced"
        data["provenance"]["digests"]["record"] = seal(data)
        kept.write_text(json.dumps(data))
        text = "\n".join(found(atlas))
        assert "do not follow from its values" in text and "its claims are not those of the page" in text

    def test_staleness_drift_and_strays(self, atlas, kept):
        atlas.edit(PAGE, "lo(gain) > 1.5", "lo(gain) > 1.6")
        assert any("its claims are not those of the page" in p and "--rejudge" in p for p in found(atlas))
        atlas.edit(PAGE, "lo(gain) > 1.6", "lo(gian) > 1.5")
        assert any(f"{PAGE}:{line_of(atlas, PAGE, 'gian')}: gain:" in p and "not recorded" in p for p in found(atlas))
        atlas.edit(PAGE, "lo(gian)", "lo(gain)")
        atlas.edit(NOTEBOOK, "2 + s / 100", "2 + s / 99")
        assert any("stale: notebook changed" in p for p in found(atlas))
        atlas.edit(NOTEBOOK, "2 + s / 99", "2 + s / 100")
        kept.with_suffix(".svg").write_text("<svg>another</svg>")
        assert any("not the one the run drew" in p for p in found(atlas))
        kept.with_name("smoke.json").write_text("{}")
        assert any("no record's file has this name" in p for p in found(atlas))


def test_a_new_paper_names_what_is_to_be_filled_in(atlas):
    entry = atlas.BIB.replace("SLUG", "fresh").replace("NUMBER", "99999")
    (atlas.root / "papers.bib").open("a").write(entry)
    written = scaffold.new(catalogue.load(atlas.root)["fresh"])
    assert [p.name for p in written] == ["index.md", "reproduce.ipynb"]
    text = "\n".join(found(atlas))
    for part, marker in (
        ("paper.name is empty", "name:"),
        ("paper.tldr is empty", "tldr:"),
        ("paper.tasks", "tasks:"),
        ("paper.claims.0.says", "says:"),
    ):
        line = line_of(atlas, "book/papers/fresh/index.md", marker)
        assert f"book/papers/fresh/index.md:{line}: {part}" in text
    assert "fresh/reproduce.ipynb" not in text
    with pytest.raises(ValueError, match="already"):
        scaffold.new(catalogue.load(atlas.root)["fresh"])


def test_the_table_of_contents_lists_only_what_exists(atlas):
    atlas.write("book/guide/verdicts.md", "# V")
    atlas.write("book/guide/aaa.md", "# A")
    text = toc.generate(catalogue.load(atlas.root))
    assert text.index("book/guide/verdicts") < text.index("book/guide/aaa")
    assert "book/papers/toy/reproduce" in text and "Survey" not in text
    import yaml

    data = yaml.safe_load(text)
    assert data["format"] == "jb-book" and data["root"] == "book/index"
    atlas_part = data["parts"][1]
    assert atlas_part["caption"] == "Atlas"
    assert [s["file"] for s in atlas_part["chapters"][0]["sections"]] == [
        "book/papers/tie/index",
        "book/papers/toy/index",
    ]


def test_online_compares_titles_and_follows_links(atlas):
    import http.server
    import threading

    feed = """<feed xmlns="http://www.w3.org/2005/Atom">
      <entry><id>http://arxiv.org/abs/2001.00001v3</id><title>Paper Toy:\n a title</title></entry>
      <entry><id>http://arxiv.org/abs/2001.00002v1</id><title>Something else</title></entry></feed>"""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if "gone" in self.path else 200)
            self.end_headers()
            self.wfile.write(feed.encode())

        def do_HEAD(self):
            self.send_response(404 if "gone" in self.path else 405 if "get" in self.path else 200)
            self.end_headers()

        def log_message(self, *args):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    atlas.edit("papers.bib", "slug = {toy}", f"code = {{{base}/get}}, url = {{{base}/gone}}, slug = {{toy}}")
    try:
        problems = [p.message for p in online.check(catalogue.load(atlas.root), api=f"{base}/api", pause=0)]
    finally:
        server.shutdown()
        server.server_close()
    assert len(problems) == 2
    assert "'Something else'" in problems[0] and "gone: answers 404" in problems[1]
    refused = online.check(catalogue.load(atlas.root), api=f"{base}/api", pause=0)
    assert "arXiv did not answer" in refused[0].message
