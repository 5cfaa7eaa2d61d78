"""The fusion protocol on few scenes."""

from dataclasses import replace

import pytest
import torch

from vlatlas.data.titles import facts, titles
from vlatlas.evals.reranking import reranked_r1
from vlatlas.methods.declip import IGNORED
from vlatlas.protocols.fusion import ARMS, CLASS_TOKEN, RATES, WORLD, Fusion

SMALL = Fusion(pairs=60, gallery=8, galleries=2, crossed=1, shortlist=3, steps=3, batch_size=16, queue=32, probes=6)


def test_ids_say_the_title():
    _, told = SMALL.train_set
    from vlatlas.models import load

    tokenizer = load("scenes-clip").tokenizer
    for row, title in zip(SMALL.ids(told[:20]).tolist(), titles(WORLD, told[:20]), strict=True):
        assert row[0] == CLASS_TOKEN and " ".join(tokenizer.words[i - 3] for i in row[1:]) == title


def test_tokens_are_four_neighbours_of_the_frozen_towers_second_block():
    images = WORLD.batch(1, range(3)).images
    seen = []
    hook = SMALL.visual.blocks[1].register_forward_hook(lambda m, a, out: seen.append(out))
    with torch.no_grad():
        SMALL.visual(images)
    hook.remove()
    x, tokens = seen[0], SMALL.tokens(images)
    side = 4
    for row in range(2):
        for column in range(2):
            places = [(2 * row + r) * side + 2 * column + c for r in (0, 1) for c in (0, 1)]
            torch.testing.assert_close(tokens[:, 2 * row + column], torch.cat([x[:, p] for p in places], dim=1))


def test_the_galleries_have_distinct_titles_and_no_training_scene():
    told = facts(SMALL.test_batch).tolist()
    assert len({tuple(row) for row in told}) == len(told) == 16
    assert SMALL.test_set[0].shape[0] == 16


def test_more_galleries_than_there_are_titles_are_refused(monkeypatch):
    one_title = torch.zeros(4 * 16 + 64, 5, dtype=torch.long)
    monkeypatch.setattr("vlatlas.protocols.fusion.facts", lambda batch: one_title)
    with pytest.raises(ValueError, match="1 distinct titles are too few for 2 galleries of 8"):
        replace(SMALL).test_batch  # noqa: B018  a copy, since the scenes of a configuration are drawn once


def test_arms_begin_alike_see_the_same_batches_and_differ_in_one_part_each():
    first = SMALL.model("fuse", 1).encoder.state_dict()
    for arm in ARMS:
        assert all(torch.equal(v, first[k]) for k, v in SMALL.model(arm, 1).encoder.state_dict().items())
    a, b = SMALL.batches(0.4, 1)(2), SMALL.batches(0.4, 1)(2)
    assert all(torch.equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))
    order = ["fuse", "itc", "hard", "mod"]
    changes = [sum(ARMS[p][k] != ARMS[q][k] for k in ARMS[p]) for p, q in zip(order, order[1:], strict=False)]
    assert changes == [1, 1, 1] and sum(ARMS["mod"][k] != ARMS["smooth"][k] for k in ARMS["mod"]) == 1


def test_masks_and_noise_reach_the_batch():
    patches, ids, hidden, labels, alpha = SMALL.batches(1.0, 3, "swapped")(0)
    assert alpha == 0 and SMALL.batches(0.4, 3)(2)[4] == SMALL.alpha
    asked = labels != IGNORED
    assert torch.equal(labels[asked], ids[asked]) and not asked[:, 0].any()
    rows = [int((SMALL.train_set[0] == p).flatten(1).all(dim=1).nonzero()[0]) for p in patches]
    true = SMALL.ids(SMALL.train_set[1][rows])
    assert (true != ids).any(dim=1).all()  # every title is another scene's


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_and_is_measured(arm):
    model = SMALL.run(arm, 0, 0.4)
    before = SMALL.model(arm, 0).encoder
    assert not torch.equal(before.word_head.weight, model.encoder.word_head.weight)
    aligned = not torch.equal(before.text_project.weight, model.encoder.text_project.weight)
    assert aligned == ARMS[arm]["contrast"]
    for encoder in (model.encoder, model.copy):
        found = SMALL.evaluate(encoder)
        assert set(found) == {"fused", "listed", "dual"} and all(0 <= v <= 1 for v in found.values())


def test_evaluation_reads_each_gallery_by_itself():
    """Features by hand in both galleries; the head on all pairs in the first; the head on lists, from the scores of all pairs."""
    encoder = SMALL.model("itc", 3).encoder.eval()
    found = SMALL.evaluate(encoder)
    with torch.no_grad():
        patches, ids = SMALL.test_set
        z, h = encoder.see(patches), encoder.read(ids)
        u, v = encoder.image_features(z), encoder.text_features(h)
        hits, listed = 0, 0.0
        for start in (0, 8):
            rows = slice(start, start + 8)
            s, scores = u[rows] @ v[rows].T, encoder.match_scores(z[rows], h[rows])
            hits += sum(int(s[i].argmax() == i) + int(s[:, i].argmax() == i) for i in range(8))
            listed += reranked_r1(scores, s, 3) / 2
            if start == 0:
                crossed = sum(int(scores[i].argmax() == i) + int(scores[:, i].argmax() == i) for i in range(8)) / 16
    assert found == pytest.approx({"dual": hits / 32, "listed": listed, "fused": crossed})
    for way in found:
        assert SMALL.evaluate(encoder, (way,)) == {way: found[way]}


def test_the_head_reads_the_pairs_that_are_on_a_list_and_no_others():
    encoder = SMALL.model("itc", 4).encoder.eval()
    patches, ids = (x[:8] for x in SMALL.test_set)
    similarity = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z, h = encoder.see(patches), encoder.read(ids)
        all_scores, scores = encoder.match_scores(z, h), SMALL.listed_scores(encoder, z, h, similarity)
    for i in range(8):
        for j in range(8):
            by_image = sum(bool(similarity[i, m] > similarity[i, j]) for m in range(8)) < 3
            by_text = sum(bool(similarity[m, j] > similarity[i, j]) for m in range(8)) < 3
            assert scores[i, j].item() == pytest.approx(all_scores[i, j].item() if by_image or by_text else 0.0, abs=1e-5)


def test_a_rate_for_all_arms_takes_the_place_of_their_own():
    assert SMALL.as_dict()["rates"] == RATES
    assert replace(SMALL, lr=0.5).as_dict()["rates"] == dict.fromkeys(ARMS, 0.5)
    slow = replace(SMALL, lr=1e-9).run("fuse", 0, 0.4).encoder.word_head.weight
    torch.testing.assert_close(slow, SMALL.model("fuse", 0).encoder.word_head.weight, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["both", "swapped"])
def test_mass_is_read_among_true_told_and_other_titles(kind):
    """By hand, for each wrong pair: candidates that repeat the true or the told title are left out."""
    model = SMALL.run("mod", 0, 0.4, kind)
    told, wrong = SMALL.labelled(0.4, 0, kind)
    true, copy, tau = SMALL.train_set[1], model.copy, model.tau().item()
    found = SMALL.mass(model, 0.4, 0, kind)
    totals, others = [0.0, 0.0], SMALL.test_set[1][:6]
    with torch.no_grad():
        for i in wrong.nonzero()[:, 0].tolist():
            u = copy.image_features(copy.see(SMALL.train_set[0][i : i + 1]))[0]
            own = [SMALL.ids(f[i : i + 1]) for f in (true, told)]
            rest = [o[None] for o in others if not any(torch.equal(o, x[0]) for x in own)]
            e = [torch.exp(copy.text_features(copy.read(x))[0] @ u / tau).item() for x in own + rest]
            for k in (0, 1):
                totals[k] += e[k] / sum(e) / int(wrong.sum())
    assert [found["true"], found["told"]] == pytest.approx(totals, rel=1e-4)
    assert found["equal"] == pytest.approx(1 / 8)


def test_fits_count_true_facts_of_told_and_of_drawn_titles():
    """A model that sees a scene in every told title of its batch: a hard negative is the one with most facts in common."""

    class Oracle:
        def __init__(self):
            self.encoder = self

        def tau(self):
            return torch.tensor(0.01)

        def see(self, patches):
            rows = [int((SMALL.train_set[0] == p).flatten(1).all(dim=1).nonzero()[0]) for p in patches]
            return SMALL.ids(SMALL.train_set[1][rows])

        read = staticmethod(lambda ids: ids)

        @staticmethod
        def image_features(ids):  # one-hot over words: the product counts facts in common
            return torch.nn.functional.one_hot(ids[:, 1:], SMALL.vocabulary).sum(dim=1).float()

        text_features = image_features

    found = SMALL.fits(Oracle(), 0.4, 0)
    told, true = SMALL.labelled(0.4, 0)[0], SMALL.train_set[1]
    same = [sum(int(a == b) for a, b in zip(told[i].tolist(), true[i].tolist(), strict=True)) for i in range(60)]
    far = [n for n in same if n < 4]
    assert found["told"] == pytest.approx(sum(far) / len(far)) and 8 <= len(far) <= 12  # half of 40 % are swapped
    order, best = torch.randperm(60, generator=torch.Generator().manual_seed(0)).split(16), []
    for rows in order:
        for i in (i for i in rows.tolist() if same[i] < 4):
            best.append(max(int((told[j] == true[i]).sum()) for j in rows.tolist() if j != i))
    assert found["hard"] == pytest.approx(sum(best) / len(best))
    assert found["random"] < found["hard"] - 0.5
