"""The data protocol on small pools: whose text is whose, what is rare, and that arms differ in their pairs alone."""

import pytest
import torch

from vlatlas.data.scenes.vocabulary import COLOURS, SHAPES
from vlatlas.data.scenes.wording import alt_text
from vlatlas.data.splits import web
from vlatlas.methods.metaclip import count, match
from vlatlas.protocols.data import COMMON, CONCEPTS, ENTRIES, NEVER, POOL_SEED, Curation, Pairs, concepts

SMALL = Curation(pool=1_000, size=200, pairs=128, test=96, width=16, depth=1)


@pytest.fixture(scope="module")
def truth():
    """shape and colour of every picture of the small pool."""
    labels = web.pool(POOL_SEED + 10, range(SMALL.pool))[3].labels
    both = zip(labels["shape"][:, 0], labels["colour"][:, 0], strict=True)
    return [(web.WORLD.shapes[s], web.WORLD.colours[c]) for s, c in both]


def test_right_texts_are_right_and_misplaced_ones_come_from_the_same_pool(truth):
    pool = SMALL.web(10)
    assert len(pool) == 1_000 and pool.images.shape == (1_000, 3, 16, 16) and pool.images.dtype == torch.uint8
    wrong = 0
    for text, kind, (shape, colour) in zip(pool.texts, pool.kinds, truth, strict=True):
        named = {CONCEPTS[k] for k in concepts(text)}
        assert bool(named) == (kind != "generic")
        if kind == "partial":
            assert named <= {shape, colour}
        wrong += kind == "unrelated" and not named <= {shape, colour}
    share = {k: pool.kinds.count(k) / 1_000 for k in set(pool.kinds)}
    assert share["unrelated"] == pytest.approx(0.3, abs=0.05) and share["generic"] == pytest.approx(0.3, abs=0.05)
    assert pool.noise() == pytest.approx(1 - share["partial"]) and wrong > 0.6 * pool.kinds.count("unrelated")
    texts, kinds = alt_text(web.pool(POOL_SEED + 10, range(1_000))[3], 0.0, 0.3)
    before = sorted(t for t, k in zip(texts, kinds, strict=True) if k == "partial")
    assert sorted(t for t, k in zip(pool.texts, pool.kinds, strict=True) if k != "generic") == before


def test_concepts_are_as_rare_as_zipf_says_in_right_and_in_wrong_texts():
    pool = SMALL.web(10)
    for kind in ("partial", "unrelated"):
        named = [k for t, q in zip(pool.texts, pool.kinds, strict=True) if q == kind for k in concepts(t) if k < 12]
        share = torch.bincount(torch.tensor(named), minlength=12) / len(named)
        assert share[0] == pytest.approx(1 / 3.103, abs=0.06) and share[8:].sum() == pytest.approx(0.385 / 3.103, abs=0.05)


def test_entries_hold_the_concepts_common_words_and_others_that_never_occur():
    pool = SMALL.web(11)
    counts = count(match(pool.texts, ENTRIES), len(ENTRIES))
    assert len(set(ENTRIES)) == len(ENTRIES) == len(CONCEPTS) + len(COMMON) + len(NEVER)
    assert set(CONCEPTS) == set(SHAPES[:12]) | set(list(COLOURS)[:12]) and not set(NEVER) & set(CONCEPTS)
    assert (counts[: len(CONCEPTS) + len(COMMON)] > 0).all() and (counts[len(CONCEPTS) + len(COMMON) :] == 0).all()


def test_the_oracle_is_clean_and_uniform():
    pairs = SMALL.oracle(10)
    assert pairs.noise() == 0 and len(pairs) == SMALL.size
    named = torch.bincount(torch.tensor([k for t in Curation(size=2_000).oracle(10).texts for k in concepts(t)]), minlength=24)
    assert named.min() > 0.6 * named.float().mean()


def test_a_seed_fixes_weights_pool_and_order_and_arms_see_equally_many_pairs():
    pool = SMALL.web(10)
    one, two = pool.rows(range(100)), pool.rows(torch.arange(100))
    assert one.texts == two.texts == pool.texts[:100] and torch.equal(one.images, pool.images[:100])
    a, b, c = SMALL.fit(one, 0), SMALL.fit(two, 0), SMALL.fit(pool.rows(range(100, 200)), 0)
    assert torch.equal(a.visual.position, b.visual.position) and not torch.equal(a.visual.position, c.visual.position)
    assert torch.equal(SMALL.model(3).visual.position, SMALL.model(3).visual.position)
    assert not torch.equal(SMALL.model(3).text.position, SMALL.model(4).text.position)


def test_scores_of_a_perfect_and_of_a_blind_tower(monkeypatch):
    shape, colour = SMALL._tested[1:]
    answers = iter((shape, colour))
    monkeypatch.setattr("vlatlas.protocols.data.predict", lambda u, w: next(answers))
    model = SMALL.model(0)
    assert set(SMALL.score(model).values()) == {1.0}
    monkeypatch.setattr("vlatlas.protocols.data.predict", lambda u, w: torch.zeros(SMALL.test, dtype=torch.long))
    blind = SMALL.score(model)  # the most frequent concept, always
    assert blind["mean"] == pytest.approx(1 / 12) and blind["head"] == pytest.approx(1 / 4)
    assert blind["middle"] == blind["tail"] == 0 and blind["pool"] == pytest.approx(1 / 3.1032, abs=1e-3)


def test_noise_is_the_share_of_wrong_texts():
    assert Pairs(torch.zeros(4, 3, 1, 1), list("abcd"), ["partial", "generic", "unrelated", "partial"]).noise() == 0.5
