"""DeCLIP's views and model: what a view may change and must not, and what each head's gradient reaches."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.losses.declip import DeclipLoss
from vlatlas.methods.declip import IGNORED, MASK, WORDS_FROM, DeCLIP, edited, image_views, is_word, masked, read
from vlatlas.models import CLIP, ClipConfig
from vlatlas.models.tokenizer import END, PAD

WORDS = tuple(f"w{k}" for k in range(40))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    return CLIP(ClipConfig(WORDS, patch_size=8, width=16, depth=1, heads=2, text_width=16, text_depth=2, embed_dim=8, context=12))


def texts(n=400, context=12):
    ids = torch.zeros(n, context, dtype=torch.long)
    for row, length in zip(ids, torch.randint(1, context, (n,), generator=generator(9)).tolist(), strict=True):
        row[:length] = torch.randperm(40, generator=generator(length))[:length] + WORDS_FROM
        row[length] = END
    return ids


def told(row):
    return row[: row.index(END)]


def test_an_image_view_of_the_whole_without_noise_is_the_image_or_its_mirror():
    images = torch.rand(40, 3, 32, 32, generator=generator())
    views = image_views(images, generator(1), scale=(1.0, 1.0), noise=0.0)
    kinds = []
    for x, y in zip(images, views, strict=True):
        near = [bool((y - z).abs().max() < 1e-4) for z in (x, x.flip(-1))]
        assert sum(near) == 1
        kinds.append(near[0])
    assert 8 < sum(kinds) < 32


def test_image_views_keep_an_even_colour_and_repeat_with_the_generator():
    images = torch.tensor([0.9, 0.2, 0.4]).view(1, 3, 1, 1).expand(6, 3, 32, 32)
    even = image_views(images, generator(), noise=0.0)
    torch.testing.assert_close(even, images.contiguous(), atol=1e-5, rtol=0)
    a, b, c = (image_views(images, generator(k)) for k in (3, 3, 4))
    assert torch.equal(a, b) and not torch.equal(a, c) and a.min() >= 0 and a.max() <= 1
    assert (a - images).std().item() == pytest.approx(0.05, abs=0.01)


def test_masking_touches_words_alone_and_its_labels_restore_the_text():
    ids = texts()
    seen, labels = masked(ids, 43, generator())
    asked = labels != IGNORED
    assert torch.equal(torch.where(asked, labels, seen), ids)
    assert not (asked & ~is_word(ids)).any() and is_word(ids[asked]).all()
    assert asked.sum().item() / is_word(ids).sum().item() == pytest.approx(0.15, abs=0.03)
    fates = seen[asked]
    assert (fates == MASK).double().mean().item() == pytest.approx(0.8, abs=0.08)
    assert (fates == ids[asked]).double().mean().item() == pytest.approx(0.1, abs=0.06)
    assert ((fates == MASK) | is_word(fates)).all()


def test_an_edit_swaps_two_words_or_deletes_some_and_adds_none():
    ids = texts()
    kinds = {"same": 0, "swapped": 0, "shorter": 0}
    for before, after in zip(ids.tolist(), edited(ids, generator(5)).tolist(), strict=True):
        a, b = told(before), told(after)
        assert b and after[len(b) + 1 :] == [PAD] * (len(after) - len(b) - 1)
        if len(a) == len(b):
            wrong = [k for k in range(len(a)) if a[k] != b[k]]
            assert sorted(a) == sorted(b) and len(wrong) in (0, 2)
            kinds["swapped" if wrong else "same"] += 1
        else:
            rest = iter(a)
            assert all(w in rest for w in b), "what remains stands in the old order"
            kinds["shorter"] += 1
    assert kinds["swapped"] > 100 and kinds["shorter"] > 40


def test_a_caption_never_loses_all_words():
    ids = texts()
    gone = edited(ids, generator(), deleted=1.0)
    assert is_word(gone).any(dim=1).all() and (gone == END).any(dim=1).all()


def test_reading_states_gives_the_features_of_the_tower(clip):
    ids = texts(20)
    features, states = read(clip.text, ids)
    torch.testing.assert_close(features, clip.encode_text(ids))
    assert states.shape == (20, 12, 16)


def batch(n=6):
    images, other = torch.rand(2, n, 3, 32, 32, generator=generator())
    ids = texts(n)
    seen, labels = masked(ids, 43, generator(), share=0.5)
    return images, other, seen, labels, edited(ids, generator(1))


def test_the_model_hands_over_features_of_both_views(clip):
    model = DeCLIP(clip)
    images, other, seen, labels, edits = given = batch()
    out = model(*given)
    for key, expected in {
        "image_features": clip.encode_image(images), "other_image_features": clip.encode_image(other),
        "text_features": clip.encode_text(seen), "other_text_features": clip.encode_text(edits),
    }.items():  # fmt: skip
        torch.testing.assert_close(out[key], F.normalize(expected, dim=-1), atol=1e-5, rtol=1e-4)
    M = int((labels != IGNORED).sum())
    assert out["word_logits"].shape == (M, 43) and torch.equal(out["word_labels"], labels[labels != IGNORED])
    assert [x.shape for x in (*out["predicted"], *out["projected"])] == [(6, 16)] * 4


@pytest.mark.parametrize(
    ("weights", "reached"),
    [((1.0, 0, 0), {"clip.visual", "projector", "predictor"}), ((0, 1.0, 0), {"clip.text", "name"})],
)
def test_a_term_alone_trains_its_modality_alone(clip, weights, reached):
    torch.manual_seed(1)
    model = DeCLIP(clip)
    model.zero_grad()
    DeclipLoss(*weights)(**model(*batch()), group=torch.arange(6), owner=torch.arange(6)).backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    parts = {
        part: any(n.startswith(part) for n in moved) for part in ("clip.visual", "clip.text", "projector", "predictor", "name")
    }
    assert {part for part, is_moved in parts.items() if is_moved} == reached
    assert "clip.logit_scale" not in moved
