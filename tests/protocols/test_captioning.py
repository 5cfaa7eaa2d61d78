"""The captioning protocol: what is trained on what, what is left alone, and scores whose value is known."""

import pytest
import torch

from vlatlas.data.scenes import parse
from vlatlas.evals import encode_texts
from vlatlas.methods.clipcap import LinearMapper, MLPMapper
from vlatlas.protocols import captioning_text
from vlatlas.protocols.captioning import ON_NOVEL, SCORES, WORLD, Captioning, caption_loss, foreign, readable


@pytest.fixture(scope="module")
def small():
    return Captioning(pairs=24, few=8, test=12, batch=4, steps=2, lstm_steps=3, frozen_steps=2, k=2)


class Spy(torch.nn.Module):
    """Keeps what it is given."""

    frozen = True

    def __init__(self):
        super().__init__()
        self.a, self.seen = torch.nn.Parameter(torch.zeros(())), []

    def forward(self, u, ids):
        self.seen.append((u, ids))
        return {"log_p": self.a * u.sum(dim=1)}

    def rows(self, ids):
        """(pair, sentence) of each caption that came."""
        table = {tuple(t): (i, s) for i, row in enumerate(ids.tolist()) for s, t in enumerate(row)}
        pad = lambda t: tuple(t) + (0,) * (ids.shape[2] - len(t))  # noqa: E731
        return [table[pad(t)] for _, told in self.seen for t in told.tolist()]


def test_pairs_belong_together_and_tests_are_apart(small):
    features, texts, ids = small.pairs_of(3)
    assert torch.allclose(features.norm(dim=1), torch.ones(24)) and ids.shape[:2] == (24, 4)
    for row, told in zip(ids, texts, strict=True):
        assert [readable(small.tokenizer.decode(r)) for r in row.tolist()] == told
        assert len({tuple(map(tuple, map(dict.items, parse(t).objects))) for t in told}) == 1  # one statement, four sentences
    seen, novel = small.test_set(3), small.test_set(3, novel=True)
    pairs = lambda told: {(o.shape, o.colour) for s in told.graphs for o in s.objects}  # noqa: E731
    assert not pairs(seen) & pairs(novel) and not set(map(repr, seen.graphs)) & set(map(repr, WORLD.batch(3, range(24)).graphs))
    assert all(len(r) == 5 for r in novel.references)


def test_scores_of_references_of_strangers_and_of_nothing(small):
    told = small.test_set(3)
    right = small.score([r[0] for r in told.references], told)
    wrong = small.score(foreign([r[0] for r in told.references]), told)
    assert right["attributes"] == right["true"] == right["complete"] == 1 and right["bleu"] == pytest.approx(1)
    assert wrong["cider"] < 0.5 * right["cider"] and wrong["clip_score"] < right["clip_score"] and wrong["binding"] < 0.6
    nothing = small.score(["." for _ in told.graphs], told)
    assert nothing["cider"] == nothing["attributes"] == nothing["true"] == 0


def test_training_and_decoding_are_the_same_each_time_and_leave_the_shipped_model_alone(small):
    def run(frozen):
        model = small.prefixed(MLPMapper, 3, frozen=frozen)
        small.teach(model, 3)
        return model, small.describe(model, small.test_set(3).features, 2)

    (frozen, a), (_, b), (tuned, c) = run(True), run(True), run(False)
    assert a == b and a != c
    shipped = captioning_text.load_scenes_lm().state_dict()
    assert all(torch.equal(v, shipped[k]) for k, v in frozen.model.state_dict().items())
    assert any(not torch.equal(v, shipped[k]) for k, v in tuned.model.state_dict().items())


@pytest.mark.parametrize("of", ["image", "text"])
def test_a_captioner_is_given_its_own_image_or_its_own_sentence(small, of):
    images, texts, ids = small.pairs_of(3)
    spy = Spy()
    small.teach(spy, 3, pairs=8, of=of)
    rows = spy.rows(ids)
    given = torch.cat([u for u, _ in spy.seen])
    want = images[[i for i, _ in rows]] if of == "image" else encode_texts(small.clip, [texts[i][s] for i, s in rows])
    assert max(i for i, _ in rows) < 8 and len(rows) == 8
    torch.testing.assert_close(given, 8 * want, atol=1e-4, rtol=1e-4)  # the root of 64
    with pytest.raises(ValueError, match="25 pairs"):
        small.teach(spy, 3, pairs=25)
    with pytest.raises(ValueError, match="'sound'"):
        small.teach(spy, 3, of="sound")


def test_noise_comes_anew_and_changes_no_choice_of_pairs(small):
    spies = {}
    for noise in (0.0, 0.1):
        spies[noise] = Spy()
        small.teach(spies[noise], 3, of="text", noise=noise)
    clean, loud = (torch.cat([u for u, _ in spies[n].seen]) for n in (0.0, 0.1))
    ids = small.pairs_of(3)[2]
    assert spies[0.0].rows(ids)[:4] == spies[0.1].rows(ids)[:4]
    cosines = torch.nn.functional.cosine_similarity(clean, loud)
    torch.testing.assert_close(loud.norm(dim=1), torch.full((8,), 8.0))
    assert cosines.max() < 0.9 and cosines.min() > 0.55 and len(set(cosines.tolist())) == 8


def test_nearest_gives_the_caption_of_the_image_itself(small):
    features, texts, _ = small.pairs_of(3)
    assert small.nearest(features, 3) == [row[0] for row in texts]


def test_a_foreign_image_is_the_next_one_and_a_change_comes_before_the_captioner(small):
    model, told = small.prefixed(LinearMapper, 3), small.test_set(3)
    captions = small.describe(model, told.features)
    row = small.row(model, 3)
    assert row["cider_foreign"] == pytest.approx(small.score(captions[1:] + captions[:1], told)["cider"], abs=1e-9)
    assert row["cider"] == pytest.approx(small.score(captions, told)["cider"], abs=1e-9)
    flipped = small.measure(model, 3, change=lambda u: -u)
    assert flipped == small.score(small.describe(model, -told.features), told)
    assert caption_loss(torch.tensor([-1.0, -3.0])) == 2


def test_every_paper_records_the_same_names(small):
    blind = small.lstm(3, blind=True)
    floors, row = small.floors(3, blind), small.row(small.lstm(3), 3)
    assert set(row) == {*SCORES, *(f"{s}_novel" for s in ON_NOVEL), "cider_foreign", "attributes_foreign"}
    names = ("nearest", "blind", "strangers")
    assert set(floors) == {f"{s}_{n}" for s in SCORES for n in names} | {f"{s}_{n}_novel" for s in ON_NOVEL for n in names}
    assert small.floors(3).items() == {k: v for k, v in floors.items() if "blind" not in k}.items()
    told = small.test_set(3, novel=True)
    assert floors["binding_blind_novel"] == small.score(small.describe(blind, told.features), told)["binding"]
    assert 0 < floors["attributes_strangers"] < 1


def test_each_sort_of_arm_has_its_rate_and_its_seed(small):
    kinds = small.lstm(3), small.prefixed(MLPMapper, 3, frozen=False), small.prefixed(MLPMapper, 3)
    assert [small.budget(m)[0] for m in kinds] == [small.lr_lstm, small.lr_tuned, small.lr_frozen]
    assert [small.budget(m)[1] for m in kinds] == [3, 2, 2]
    same, other = small.lstm(3).show.weight, small.lstm(4).show.weight
    assert torch.equal(same, kinds[0].show.weight) and not torch.equal(same, other)
    guessed = small.prefixed(MLPMapper, 3, random=True).model.embed_tokens.weight
    assert not torch.equal(guessed, kinds[2].model.embed_tokens.weight)


@pytest.mark.parametrize("make", [lambda p: p.lstm(3), lambda p: p.prefixed(MLPMapper, 3)])
def test_the_first_arm_of_a_new_protocol_starts_as_the_later_ones(make):
    # The first arm is also the first that needs the towers: to load them must not cost the arm its seed.
    protocol = Captioning(pairs=24, few=8, test=12, k=2)
    first, second = make(protocol).state_dict(), make(protocol).state_dict()
    assert first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
