"""TokenFusion: padding is no token, words are the tower's own states, order of patches does not matter to the mean."""

import torch

from vlatlas.methods.token_fusion import FusionStage, TokenFusion, word_states
from vlatlas.models import CLIP, ClipConfig


def model():
    torch.manual_seed(0)
    words = ("a", "red", "star", ".")
    return CLIP(
        ClipConfig(words=words, image_size=16, patch_size=8, width=24, depth=2, heads=3, text_width=16, embed_dim=8)
    ).eval()


def test_word_states_are_those_the_tower_reads_at_the_end():
    clip = model()
    ids = clip.tokenizer(["a red star.", "a star."])
    states, there = word_states(clip.text, ids)
    assert there.tolist() == [[True] * 5, [True] * 4 + [False]]
    ends = torch.stack([states[0, 4], states[1, 3]])
    assert torch.allclose(clip.text.project(ends), clip.encode_text(ids), atol=1e-5)


def test_padding_takes_no_part_and_the_order_of_patches_none():
    torch.manual_seed(0)
    fusion = TokenFusion(6, 5, 4, width=16, heads=2).eval()
    patches, words = torch.randn(2, 3, 6), torch.randn(2, 2, 5)
    there = torch.ones(2, 2, dtype=torch.bool)
    padded = torch.nn.functional.pad(words, (0, 0, 0, 2), value=9.0)
    got = fusion(patches, padded, torch.nn.functional.pad(there, (0, 2)))
    want = fusion(patches, words, there)
    assert torch.allclose(got, want, atol=1e-6)
    assert torch.allclose(fusion(patches.flip(1), words, there), want, atol=1e-6)
    assert not torch.allclose(fusion(patches, words.flip(0), there), want, atol=1e-3)


def test_attention_equals_the_plain_block_where_nothing_is_padded():
    torch.manual_seed(0)
    fusion = TokenFusion(6, 5, 4, width=16, heads=2).eval()
    patches, words, there = torch.randn(2, 3, 6), torch.randn(2, 2, 5), torch.ones(2, 2, dtype=torch.bool)
    x = torch.cat([fusion.image(patches) + fusion.kind[0], fusion.text(words) + fusion.kind[1]], dim=1)
    want = torch.nn.functional.normalize(fusion.project(fusion.block(x).mean(dim=1)), dim=-1)
    assert torch.allclose(fusion(patches, words, there), want, atol=1e-5)
    out = FusionStage(fusion)(patches, words, there, torch.full((2, 4), 3.0))
    assert torch.allclose(out["target"], torch.full((2, 4), 0.5)) and torch.allclose(out["query"], want, atol=1e-5)
