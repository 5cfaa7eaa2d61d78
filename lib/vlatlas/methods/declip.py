"""DeCLIP's model: two towers that read two views of each modality, and the heads that train and are then dropped.

The views are made here as well: crops of images; captions with words masked, swapped or deleted (Li et al. 2022).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models import CLIP
from ..models.text import TextTransformer
from ..models.tokenizer import END, UNKNOWN
from .random_views import random_views

MASK = UNKNOWN  # no caption of ours has an unknown word, so its id is free for the mask
WORDS_FROM = UNKNOWN + 2  # the first id that is a word
IGNORED = -100


def image_views(images: Tensor, generator: torch.Generator, scale=(0.5, 1.0), noise: float = 0.05) -> Tensor:
    """(B, 3, H, W): a random square of each image, scaled back, mirrored half of the time, with a little noise. Colours stay, or
    captions would become false.

    images: (B, 3, H, W) in [0, 1]. scale: least and largest area of the square. noise: standard deviation per pixel.
    """
    views = random_views(images, 1, generator, distortion=0.0, scale=scale)
    mirrored = torch.rand(len(views), 1, 1, 1, generator=generator) < 0.5
    views = torch.where(mirrored.to(views.device), views.flip(-1), views)
    grain = torch.randn(views.shape, generator=generator).to(views.device)
    return (views + noise * grain).clamp(0, 1)


def is_word(ids: Tensor) -> Tensor:
    """(B, T) bool: neither padding nor the end of the text."""
    return ids >= WORDS_FROM


def masked(ids: Tensor, words: int, generator: torch.Generator, share: float = 0.15) -> tuple[Tensor, Tensor]:
    """BERT's masking (Devlin et al. 2019): of the words, `share` are to be told; of these 80 % are masked, 10 % replaced by any
    word and 10 % left. Returns new ids (B, T) and labels (B, T), -100 where nothing is asked.

    ids: (B, T) long. words: ids there are, the first three being no words.
    """
    asked = is_word(ids) & (torch.rand(ids.shape, generator=generator) < share)
    fate = torch.rand(ids.shape, generator=generator)
    other = torch.randint(WORDS_FROM, words, ids.shape, generator=generator)
    changed = torch.where(fate < 0.8, torch.full_like(ids, MASK), torch.where(fate < 0.9, other, ids))
    return torch.where(asked, changed, ids), torch.where(asked, ids, torch.full_like(ids, IGNORED))


def edited(ids: Tensor, generator: torch.Generator, deleted: float = 0.1) -> Tensor:
    """Easy data augmentation (Wei & Zou 2019) without synonyms: in half of the captions two words change places, from the others
    each word is deleted with the chance `deleted`; a caption that would lose all its words keeps them.

    ids: (B, T) long, each with its end-of-text. Returns (B, T).
    """
    length = is_word(ids).sum(dim=1, keepdim=True)  # (B, 1); words stand in front
    places = (torch.rand(len(ids), 2, generator=generator) * length).long()  # (B, 2)
    swapped = ids.scatter(1, places, ids.gather(1, places.flip(1)))
    keep = ~(is_word(ids) & (torch.rand(ids.shape, generator=generator) < deleted))
    keep |= ~(is_word(ids) & keep).any(dim=1, keepdim=True)
    order = (~keep).int().argsort(dim=1, stable=True)  # the kept ones move to the front
    shorter = torch.where(keep.gather(1, order), ids.gather(1, order), torch.zeros_like(ids))
    return torch.where(torch.rand(len(ids), 1, generator=generator) < 0.5, swapped, shorter)


def read(tower: TextTransformer, ids: Tensor) -> tuple[Tensor, Tensor]:
    """A text's features (B, D), as the tower gives them, and its normalised states (B, T, W) at every word, from one pass."""
    x = tower.embed_tokens(ids) + tower.position[:, : ids.shape[1]]
    for block in tower.blocks:
        x = block(x)
    states = tower.norm(x)  # (B, T, W)
    last = (ids == END).int().argmax(dim=1)
    return tower.project(states[torch.arange(len(ids), device=ids.device), last]), states


def mlp(*widths: int, last_norm: bool) -> nn.Sequential:
    """Linear layers with batch norm and ReLU between them, as in SimSiam; last_norm: batch norm after the last one too."""
    layers: list[nn.Module] = []
    for k, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
        end = k == len(widths) - 2
        layers.append(nn.Linear(a, b))
        if not end or last_norm:
            layers.append(nn.BatchNorm1d(b))
        if not end:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class DeCLIP(nn.Module):
    """Two towers with DeCLIP's heads: projector and predictor on image features (SimSiam), and a layer that names masked words.
    The heads are twice as wide as the features, as in the official code; the predictor's waist is half of that.

    Args:
        clip: the towers, trained in place; all that is used afterwards.

    Shapes: forward takes two views of the images (B, 3, H, W), ids (B, T) with words masked, the labels (B, T) of the masked
    words, and ids (B, T) of the edited captions. Returns the arguments of `DeclipLoss`.
    """

    def __init__(self, clip: CLIP):
        super().__init__()
        self.clip = clip
        D, E = clip.config.embed_dim, 2 * clip.config.embed_dim
        self.projector = mlp(D, E, E, E, last_norm=True)
        self.predictor = mlp(E, E // 2, E, last_norm=False)
        self.name = nn.Linear(clip.config.text_width, len(clip.tokenizer))

    def forward(self, images: Tensor, others: Tensor, ids: Tensor, labels: Tensor, edits: Tensor) -> dict:
        u, other_u = self.clip.encode_image(torch.cat([images, others])).chunk(2)  # each (B, D)
        v, states = read(self.clip.text, ids)  # the masked caption is a view like any other: no further pass
        z, other_z = self.projector(u), self.projector(other_u)  # apart: batch norm sees one view at a time
        asked = labels != IGNORED
        return {
            "image_features": F.normalize(u, dim=-1),
            "other_image_features": F.normalize(other_u, dim=-1),
            "text_features": F.normalize(v, dim=-1),
            "other_text_features": self.clip.encode_text(edits, normalize=True),
            "logit_scale": self.clip.scale(),
            "predicted": (self.predictor(z), self.predictor(other_z)),
            "projected": (z, other_z),
            "word_logits": self.name(states[asked]),  # (M, V)
            "word_labels": labels[asked],
        }
