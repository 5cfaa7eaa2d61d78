"""questions: visual question answering on scenes of two to four objects. The answers to one and the same question are
equally frequent, so that who does not look at the picture is at chance; and pairs of which a share is wrong."""

from collections import defaultdict

from ..scenes import World
from ..scenes.questions import KINDS, Question, ask
from ..scenes.shifts import pair_noise
from ._digest import digest_of

TEST_SEED = 31_000_000
WORLD = World(objects=(2, 4), resolution=48)
POOL = 8_000  # scenes from which a balanced test is chosen


def balanced(kind: str, pool: int = POOL, seed: int = TEST_SEED) -> tuple[list[int], list[Question]]:
    """Scene numbers of `WORLD.batch(seed, ...)` and their questions, as many as can be had from `pool` scenes: every
    wording has at least two answers, each equally often.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    found = defaultdict(lambda: defaultdict(list))
    for k, question in enumerate(ask(WORLD.batch(seed, range(pool)), kind)):
        if question is not None:
            found[question.text][question.answer].append((k, question))
    chosen = []
    for answers in found.values():
        lists = [rows for rows in answers.values() if len(rows) * len(answers) * 4 >= sum(map(len, answers.values()))]
        if len(lists) > 1:  # an answer that hardly ever occurs would leave nothing of the others
            chosen += [row for rows in lists for row in rows[: min(map(len, lists))]]
    chosen.sort(key=lambda row: row[0])
    return [k for k, _ in chosen], [q for _, q in chosen]


def pairs(seed: int, index, rate: float = 0.0):
    """(batch, captions, mask of the wrong ones): a share `rate` of the captions is swapped or has one attribute wrong."""
    batch = WORLD.batch(seed, index)
    return batch, *pair_noise(batch, rate)


def digest() -> str:
    """sha256 of scenes, questions and noisy captions."""
    texts = [f"{k} {q.text} {q.answer}" for kind in KINDS for k, q in zip(*balanced(kind, 500), strict=True)]
    return digest_of(WORLD, seed=TEST_SEED, texts=texts + pairs(TEST_SEED, range(100), 0.4)[1])


FROZEN = "74c219ae7c43f7bc560a80a40fbe8ac6b4ce6757c06de38bece246e4c8ae7d88"
