"""Predicting a caption's words: the objective that CLIP is compared with (Radford et al. 2021, Sec. 2.3, Fig. 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.clip import CLIP
from ..models.tokenizer import END


class BagOfWords(nn.Module):
    r"""An image tower with one logistic output per word of the vocabulary.

    $\mathcal{L} = -\frac1N\sum_i\sum_k [h_{ik}\log\sigma(a_{ik}) + (1-h_{ik})\log(1-\sigma(a_{ik}))] / K$ with
    $a_{ik}$ the logit of word k for image i, and $h_{ik}=1$ if the caption contains the word.

    Args:
        model: its image tower and tokenizer are used; its text tower is not.

    Shapes: images (B, 3, H, W), ids (B, T) -> {"logits": (B, K), "words": (B, K), "logit_scale": ()}.
    """

    def __init__(self, model: CLIP):
        super().__init__()
        self.visual = model.visual
        self.tokenizer = model.tokenizer
        self.words = nn.Linear(model.config.embed_dim, len(model.tokenizer))

    def present(self, ids: Tensor) -> Tensor:
        """h (B, K): 1 where the text contains the word; padding, unknown and end-of-text never count."""
        h = torch.zeros(len(ids), len(self.tokenizer), device=ids.device)
        return h.scatter_(1, ids, 1.0).index_fill_(1, torch.arange(END + 1, device=ids.device), 0.0)

    def forward(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.words(self.visual(images)), "words": self.present(ids), "logit_scale": torch.ones(())}

    @torch.no_grad()
    def score(self, images: Tensor, prompts: list[list[str]], batch_size: int = 256) -> Tensor:
        """(B, C) mean log-probability of the words of each class's sentences that other classes do not all share."""
        self.eval()
        device = self.words.weight.device
        bags = torch.stack([self.present(self.tokenizer(p).to(device)).amax(dim=0) for p in prompts])  # (C, K)
        bags = bags * (bags.sum(dim=0) < len(prompts))  # words in every class's sentences tell nothing
        if bool((bags.sum(dim=1) == 0).any()):
            raise ValueError("a class has no word of its own; give prompts that name the class")
        logits = torch.cat([self.words(self.visual(x.to(device))) for x in images.split(batch_size)])
        return (F.logsigmoid(logits) @ (bags / bags.sum(dim=1, keepdim=True)).T).cpu()


class BagOfWordsLoss(nn.Module):
    """Binary cross-entropy over all words; takes what `BagOfWords.forward` returns."""

    def forward(self, logits: Tensor, words: Tensor, logit_scale: Tensor, group: Tensor | None = None) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, words)
