"""The instruction protocol on few scenes."""

import pytest
import torch

from vlatlas.data.instructions import KINDS
from vlatlas.evals.answers import right, told
from vlatlas.protocols.captioning_text import load_scenes_lm
from vlatlas.protocols.instruction import ARMS, Instruction, written

SMALL = Instruction(align=32, tune=16, test=6, batch_size=8)


def same(a, b):
    return {k: torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items()}


def test_features_are_means_of_squares_with_mean_zero_and_spread_one():
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        tokens = SMALL.clip.visual.tokens(images).view(3, 4, 4, -1)
    mean, spread = SMALL.scale
    for row in range(2):
        for column in range(2):
            square = tokens[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(3, 4, -1).mean(dim=1)
            torch.testing.assert_close(SMALL.grid(images)[:, 2 * row + column], (square - mean) / spread, rtol=1e-4, atol=1e-4)
    whole = Instruction(pool=1)
    assert whole.pooled(images).shape == (3, 16, tokens.shape[-1])
    torch.testing.assert_close(whole.pooled(images), tokens.flatten(1, 2))
    z = SMALL.scenes(0)[0].flatten(0, 1)
    assert abs(z.mean().item()) < 0.2 and 0.8 < z.std().item() < 1.2


def test_alignment_moves_the_projector_and_leaves_the_language_model_as_shipped():
    kept = same(SMALL.fresh(0), SMALL.aligned(0))
    assert {k for k, v in kept.items() if not v} == {"projector.weight", "projector.bias"}
    shipped, tuned = load_scenes_lm().state_dict(), SMALL.aligned(0).model.state_dict()
    n = len(shipped["embed_tokens.weight"])
    assert all(torch.equal(v, tuned[k][:n] if k == "embed_tokens.weight" else tuned[k]) for k, v in shipped.items())


def test_tuning_starts_from_the_aligned_model_and_does_not_touch_it(monkeypatch):
    before = {k: v.clone() for k, v in SMALL.aligned(0).state_dict().items()}
    tuned = SMALL.tuned(0, "full")
    assert all(torch.equal(v, before[k]) for k, v in SMALL.aligned(0).state_dict().items())
    assert not any(same(tuned, SMALL.aligned(0))[k] for k in ("model.embed_tokens.weight", "projector.weight"))
    assert all(same(tuned, SMALL.tuned(0, "full")).values())
    monkeypatch.setattr(Instruction, "_fit", lambda self, model, *_: model)
    assert all(same(SMALL.tuned(0, "full"), SMALL.aligned(0)).values())
    assert all(same(SMALL.tuned(0, "full", aligned=False), SMALL.fresh(0)).values())


def test_arms_share_scenes_and_the_samples_of_a_kind():
    told, full = SMALL.scenes(0)[1], SMALL.samples(0, KINDS)
    assert [(i, s.kind) for i, s in full] == [(i, k) for i in range(16) for k in KINDS]
    for kinds in ARMS.values():
        samples = SMALL.samples(0, kinds)
        assert [(i, s.kind) for i, s in samples] == [(i, k) for i in range(16) for k in kinds]
        assert all(pair in full for pair in samples if pair[1].kind != "caption"), "the mixture's own samples"
    captions = SMALL.samples(0, ARMS["captions"])
    assert len(captions) == len(full)
    for i, sample in captions:
        assert all(word in sample.turns[0][1] for word in (told[i].name, told[i].caption.split(" on a ")[1].split()[0]))
    assert len({s.turns for i, s in captions if i == 3}) > 1, "three captions of a scene are worded anew"


def test_blind_tuning_gives_the_samples_of_a_scene_the_picture_of_another(monkeypatch):
    seen = {}

    def fit(self, model, stage, z, samples, lr, seed, label):
        seen["z"], seen["samples"] = z, samples
        return model

    SMALL.aligned(0)
    monkeypatch.setattr(Instruction, "_fit", fit)
    z = SMALL.scenes(0)[0]
    SMALL.tuned(0, "full")
    assert torch.equal(seen["z"], z)
    shown = seen["samples"]
    SMALL.tuned(0, "full", blind=True)
    assert all((seen["z"][k] != z[k]).any() for k in range(16)) and torch.equal(seen["z"][1:], z[:-1])
    assert seen["samples"] == shown


def test_each_arm_is_trained_on_its_samples_beside_their_pictures(monkeypatch):
    class Stop(Exception):
        pass

    rows, rates = [], {}

    def train(model, batches, loss, config, device, label):
        rates[label.split(",")[0]] = config.lr
        rows.extend(batches(step) for step in range(config.steps))
        raise Stop

    SMALL.aligned(0)
    monkeypatch.setattr("vlatlas.protocols.instruction.train", train)
    own = Instruction(align=32, tune=16, test=6, batch_size=8, lr_captions=1e-3, lr_full=2e-3)
    object.__setattr__(own, "aligned", SMALL.aligned)
    for arm in ("captions", "full"):
        with pytest.raises(Stop):
            own.tuned(0, arm)
    assert rates == {"captions": 1e-3, "full": 2e-3} and len(rows) == 12
    tokenizer, z, full = SMALL.aligned(0).model.tokenizer, SMALL.scenes(0)[0], SMALL.samples(0, KINDS)
    found = []
    for features, ids, answers in rows[6:]:
        for x, row, mask in zip(features, ids, answers, strict=True):
            said = tokenizer.decode([t for t, a in zip(row.tolist(), mask.tolist(), strict=True) if a])
            (scene,) = [i for i in range(16) if torch.equal(x, z[i])]
            found.append((scene, written(said)))
    assert sorted(found) == sorted((i, s.turns[0][1]) for i, s in full)


def test_answers_do_not_depend_on_what_else_is_asked():
    model = SMALL.tuned(0, "full")
    z, questions, _, _ = SMALL.exam(0, "conversation")
    texts = [q.text for q in questions]
    together = SMALL.answers(model, z, texts)
    assert together == [SMALL.answers(model, z[k : k + 1], texts[k : k + 1])[0] for k in range(len(texts))]


def test_scores_are_means_over_questions_and_pictures_matter(monkeypatch):
    model = SMALL.tuned(0, "full")
    scores = SMALL.scores(model, 0)
    for kind in KINDS:
        z, questions, _, _ = SMALL.exam(0, kind)
        answers = SMALL.answers(model, z, [q.text for q in questions])
        assert scores[kind] == pytest.approx(sum(map(right, questions, answers)) / 6)
        assert scores[f"told_{kind}"] == pytest.approx(sum(map(told, questions, answers)) / 6)
    assert scores["all"] == pytest.approx(sum(scores[k] for k in KINDS) / 3)
    assert scores["told"] == pytest.approx(sum(scores[f"told_{k}"] for k in KINDS) / 3)
    calls = []
    monkeypatch.setattr(Instruction, "answers", lambda self, model, z, texts: calls.append(z) or [""] * len(texts))
    assert SMALL.scores(model, 0)["all"] == 0
    SMALL.scores(model, 0, foreign=True)
    assert all(torch.equal(b, a.roll(1, dims=0)) for a, b in zip(calls[:3], calls[3:], strict=True))


def test_familiar_questions_are_about_the_test_scenes_and_novel_ones_are_not():
    for kind in KINDS:
        (z, asked, facts, _), (z2, known, facts2, _) = SMALL.exam(0, kind), SMALL.exam(0, kind, "familiar")
        assert torch.equal(z, z2) and facts == facts2
        assert not {q.text for q in asked} & {q.text for q in known}
        assert not any(torch.equal(a, b) for a in SMALL.exam(0, kind, "novel")[0] for b in z)


def test_a_perfect_pupil_is_right_about_everything():
    for which in ("test", "familiar", "novel"):
        for kind in KINDS:
            _, questions, facts, _ = SMALL.exam(1, kind, which)
            for q, f in zip(questions, facts, strict=True):
                v = next(iter(q.truth.values()))
                if kind == "detail":
                    text = f"a {f['colour']} {f['shape']}. it is {f['texture']}. it is {f['size']}. {f['background']}."
                elif kind == "reasoning":
                    now = " ".join(q.truth[a] for a in ("colour", "texture", "shape"))
                    text = f"a {f['colour']} {f['texture']} {f['shape']}. then a {now}."
                else:
                    text = f"{v}."
                assert right(q, text) == 1


def test_answers_are_written_as_a_writer_would():
    assert written("a red star . then , what ?") == "a red star. then, what?"
