"""Which profiles a notebook offers, and what a user hears who asks for another one."""

import pytest

from vlatlas.repro import catalogue, jobs
from vlatlas.repro.errors import UsageError
from vlatlas.repro.offered import profiles_of, refusal


def code(text: str) -> dict:
    return {"cell_type": "code", "source": text}


def test_the_table_that_a_notebook_chooses_from_is_read():
    cells = [
        {"cell_type": "markdown", "source": "{'full': 1}[profile]"},
        code("%matplotlib inline"),
        code("a, b = {'smoke': (1, 2), 'cpu': (3, 4), 'gpu': (5, 6)}[profile]"),
        code("steps = {'cpu': 3, 'smoke': 1}[profile]"),
        code("x = {'full': 1}[kind]; y = table[profile]"),
    ]
    assert profiles_of(cells) == ("smoke", "cpu")
    assert profiles_of(cells[:2] + cells[4:]) is None


def test_a_refusal_names_what_there_is_and_the_command_for_real_data():
    assert refusal("flip", "gpu", ("smoke", "cpu")) == "flip's notebook has no profile 'gpu'; it has smoke, cpu"
    assert "python -m vlatlas.protocols.full flip --help" in refusal("flip", "full", ("smoke", "cpu"))
    assert "protocols.full" not in refusal("sclip", "full", ("smoke",)) and "real-data.md" in refusal("sclip", "full", ("smoke",))


@pytest.mark.parametrize("slug", ["clip", "siglip", "flip"])
def test_the_full_profile_is_refused_before_a_kernel_starts(slug):
    paper = catalogue.load().papers[slug]
    with pytest.raises(UsageError, match=f"no profile 'full'; it has smoke, cpu, gpu. On real data: python -m .*full {slug}"):
        jobs.plan(paper, "full")
    assert jobs.plan(paper, "cpu").profile == "cpu"
