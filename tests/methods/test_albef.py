"""ALBEF's mechanism: what the copy does, which negatives are drawn, what the contrast is computed from."""

import math
from copy import deepcopy

import pytest
import torch

from vlatlas.losses.soft_targets import AlbefLoss
from vlatlas.methods.albef import Albef, FeatureQueue, follow, other
from vlatlas.methods.declip import IGNORED, MASK, masked
from vlatlas.methods.fusion_encoder import FusionEncoder

B, P, T, V = 4, 3, 5, 11


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return FusionEncoder(6, V, T, width=8, heads=2, embed_dim=7).double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    patches = torch.randn(B, P, 6, generator=generator, dtype=torch.float64)
    ids = torch.cat([torch.full((B, 1), 2), torch.randint(3, V, (B, T - 1), generator=generator)], dim=1)
    return patches, ids, *masked(ids, V, generator, share=0.5)


def apart(copy, seed=3):
    """Move the copy away from its model, so that the two can be told apart."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in copy.parameters():
            p.add_(0.3 * torch.randn_like(p))


def test_the_copy_is_the_moving_average(encoder):
    copy = deepcopy(encoder)
    apart(copy)
    before = [p.tolist() for p in copy.parameters()]
    follow(copy, encoder, 0.9)
    for old, now, new in zip(before, copy.parameters(), encoder.parameters(), strict=True):
        expected = 0.9 * torch.tensor(old, dtype=torch.float64) + 0.1 * new
        torch.testing.assert_close(now, expected)


def test_the_copy_moves_in_training_alone_and_learns_nothing_by_gradient(encoder, batch):
    model = Albef(encoder, momentum=0.9)
    apart(model.copy)
    before = [p.clone() for p in model.copy.parameters()]
    model.eval()
    model(*batch, 0.4)
    assert all(torch.equal(a, b) for a, b in zip(before, model.copy.parameters(), strict=True))
    model.train()
    AlbefLoss()(**model(*batch, 0.4)).backward()
    assert not all(torch.equal(a, b) for a, b in zip(before, model.copy.parameters(), strict=True))
    assert all(p.grad is None for p in model.copy.parameters())
    assert all(p.grad is not None for p in encoder.parameters()) and model.log_tau.grad is not None


def test_hard_negatives_follow_the_similarity_and_never_are_the_own_pair():
    s = torch.tensor([[5.0, 1.0, 0.0, -1.0], [2.0, 9.0, 2.0, 0.0], [0.0, 0.0, 7.0, 3.0], [-300.0, 0.0, -300.0, 400.0]])
    torch.manual_seed(0)
    draws = 4000
    counts = torch.zeros(4, 4)
    for _ in range(draws):
        counts[torch.arange(4), other(s, hard=True)] += 1
    for i in range(4):
        e = [0.0 if m == i else math.exp(s[i, m].item()) for m in range(4)]
        for m in range(4):
            p = e[m] / sum(e)
            assert counts[i, m] / draws == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / draws) + 1e-9)
    assert counts[3, 1] == draws  # the softmax over all four gives it zero in float32: masked first, it is certain


def test_easy_negatives_are_uniform():
    torch.manual_seed(0)
    counts = torch.zeros(4, 4)
    for _ in range(3000):
        counts[torch.arange(4), other(torch.randn(4, 4) * 50, hard=False)] += 1
    share = counts / 3000
    assert (share.diagonal() == 0).all() and (share[~torch.eye(4, dtype=torch.bool)] - 1 / 3).abs().max() < 0.04
    with pytest.raises(ValueError, match="no negative"):
        other(torch.zeros(1, 1), hard=True)


def test_the_queue_holds_the_last_features():
    queue = FeatureQueue(5)
    for k in range(3):
        queue.push(torch.full((2, 1), float(k)))
    assert queue.features[:, 0].tolist() == [0.0, 1.0, 1.0, 2.0, 2.0]
    assert queue.joined(torch.tensor([[9.0]]))[:, 0].tolist() == [9.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    empty = FeatureQueue(0)
    empty.push(torch.ones(2, 1))
    assert len(empty.joined(torch.ones(2, 1))) == 2


def test_contrast_with_momentum_targets_is_the_loop(encoder, batch):
    """Loops over pairs: the model's features against the copy's, of the batch and of the queue; q from the copy alone."""
    model = Albef(encoder, queue=6, tau=0.2).double().eval()
    apart(model.copy)
    generator = torch.Generator().manual_seed(5)
    old = [torch.nn.functional.normalize(torch.randn(6, 7, generator=generator, dtype=torch.float64), dim=1) for _ in range(2)]
    model.images.push(old[0])
    model.texts.push(old[1])
    patches, ids, hidden, labels = batch
    with torch.no_grad():
        f, slow = ([m.image_features(m.see(patches)), m.text_features(m.read(ids))] for m in (encoder, model.copy))
        out = model(patches, ids, hidden, labels, 0.4)
    total = 0.0
    for side, logits, targets in ((0, "image_logits", "image_targets"), (1, "text_logits", "text_targets")):
        candidates = [*slow[1 - side], *old[1 - side]]
        for i in range(B):
            s = [float(f[side][i] @ c) / 0.2 for c in candidates]
            slow_s = [float(slow[side][i] @ c) / 0.2 for c in candidates]
            assert out[logits][i].tolist() == pytest.approx(s)
            p, q = ([math.exp(x) / sum(map(math.exp, row)) for x in row] for row in (s, slow_s))
            y = [0.6 * (m == i) + 0.4 * q[m] for m in range(len(candidates))]
            assert out[targets][i].tolist() == pytest.approx(y)
            total -= sum(a * math.log(b) for a, b in zip(y, p, strict=True)) / B / 2
    assert AlbefLoss()(**out, output_dict=True)["itc"].item() == pytest.approx(total)
    torch.testing.assert_close(model.texts.features, torch.cat([old[1], slow[1]])[-6:])  # the batch enters after it was used


def test_masked_words_get_the_copys_distribution(encoder, batch):
    model = Albef(encoder).eval()
    apart(model.copy)
    patches, ids, hidden, labels = batch
    with torch.no_grad():
        out = model(patches, ids, hidden, labels, 0.4)
        c, k = model.copy, 0
        for i in range(B):
            fused = c.fuse(c.read(hidden[i : i + 1]), c.see(patches[i : i + 1]), torch.tensor([0]))[0]
            for t in range(T):
                if labels[i, t] != IGNORED:
                    y = 0.4 * c.word_head(fused[t]).softmax(dim=0)
                    y[labels[i, t]] += 0.6
                    torch.testing.assert_close(out["word_targets"][k], y)
                    k += 1
    assert k == len(out["word_logits"]) > 0


def test_texts_without_a_masked_word_ask_nothing_and_one_text_is_enough(encoder, batch):
    model = Albef(encoder).eval()
    patches, ids, hidden, labels = batch
    none = torch.full_like(labels, IGNORED)
    with torch.no_grad():
        assert len(model(patches, ids, ids, none, 0.4)["word_logits"]) == 0
        one = none.clone()
        one[2, 3] = ids[2, 3]
        logits = model(patches, ids, hidden, one, 0.4)["word_logits"]
        alone = encoder.fuse(encoder.read(hidden[2:3]), encoder.see(patches[2:3]), torch.tensor([0]))
    torch.testing.assert_close(logits, encoder.word_head(alone[0, 3])[None])


def test_the_class_token_is_never_masked_and_masks_have_their_shares():
    ids = torch.cat([torch.full((4000, 1), 2), torch.randint(3, V, (4000, T - 1), generator=torch.Generator().manual_seed(0))], 1)
    hidden, labels = masked(ids, V, torch.Generator().manual_seed(1), share=0.15)
    asked = labels != IGNORED
    assert not asked[:, 0].any() and torch.equal(hidden[~asked], ids[~asked]) and torch.equal(labels[asked], ids[asked])
    assert asked[:, 1:].float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (hidden[asked] == MASK).float().mean().item() == pytest.approx(0.8, abs=0.03)
    replaced = asked & (hidden != MASK) & (hidden != ids)
    assert (replaced.sum() / asked.sum()).item() == pytest.approx(0.1 * (V - 4) / (V - 3), abs=0.02)  # one in V - 3 is the same


def test_matching_reads_true_pairs_then_foreign_images_then_foreign_texts(encoder, batch, monkeypatch):
    import vlatlas.methods.albef as module

    drawn = [torch.tensor([1, 2, 3, 0]), torch.tensor([2, 3, 0, 1])]  # texts, then images
    answers = iter(drawn)
    monkeypatch.setattr(module, "other", lambda similarity, hard: next(answers))
    model = Albef(encoder).eval()
    patches, ids, hidden, labels = batch
    with torch.no_grad():
        logits = model(patches, ids, hidden, labels, 0.0)["match_logits"]
        text, image = drawn
        own = torch.arange(B)
        pairs = [*zip(own, own, strict=True), *zip(own, image, strict=True), *zip(text, own, strict=True)]
        for row, (t, i) in zip(logits, pairs, strict=True):
            h, z = encoder.read(ids[t : t + 1]), encoder.see(patches[i : i + 1])
            torch.testing.assert_close(row, encoder.matches(encoder.fuse(h, z, torch.tensor([0])))[0])


def test_hardness_is_measured_over_temperature_within_the_batch(encoder, batch, monkeypatch):
    import vlatlas.methods.albef as module

    seen = []
    monkeypatch.setattr(module, "other", lambda s, hard: seen.append((s, hard)) or torch.tensor([1, 0, 3, 2]))
    model = Albef(encoder, queue=8)
    model.texts.push(torch.zeros(8, 7, dtype=torch.float64))
    model.images.push(torch.zeros(8, 7, dtype=torch.float64))
    out = model.eval()(*batch, 0.0)
    assert all(hard for _, hard in seen)
    torch.testing.assert_close(seen[0][0], out["image_logits"][:, :B])
    torch.testing.assert_close(seen[1][0], out["text_logits"][:, :B])


def test_without_contrast_there_is_no_contrast(encoder, batch):
    model = Albef(encoder, contrast=False, negatives="random", targets="one-hot")
    out = model(*batch, 0.4)
    assert set(out) == {"match_logits", "word_logits", "word_targets"}
    AlbefLoss()(**out).backward()
    assert encoder.image_project.weight.grad is None and encoder.text_project.weight.grad is None
    assert set(out["word_targets"].flatten().tolist()) == {0.0, 1.0}
    with pytest.raises(ValueError, match="contrastive similarity"):
        Albef(encoder, contrast=False)
    with pytest.raises(ValueError, match="'warm'"):
        Albef(encoder, targets="warm")


def test_one_hot_targets_ignore_alpha_and_the_temperature_is_bounded(encoder, batch):
    model = Albef(encoder, targets="one-hot").eval()
    out = model(*batch, 0.9)
    assert torch.equal(out["image_targets"], torch.eye(B, dtype=torch.float64))
    with torch.no_grad():
        model.log_tau.fill_(5.0)
        assert model.tau().item() == pytest.approx(0.5)
        model.log_tau.fill_(-50.0)
        assert model.tau().item() == pytest.approx(0.001)
