"""DeCLIP's loss: contrast of views, self-supervision of each modality, and a positive from a queue (Li et al. 2022)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_features
from .multi_positive import multi_positive_clip_loss


def simsiam_loss(p: Tensor, z: Tensor, other_p: Tensor, other_z: Tensor) -> Tensor:
    r"""$-\frac12[\cos(p,\mathrm{sg}(\tilde z))+\cos(\tilde p,\mathrm{sg}(z))]$, mean over the rows (Chen & He 2021, Eq. 2 to 4).

    p, other_p: (N, E), the predictor's outputs for two views; z, other_z: (N, E), the projector's. No gradient flows into
    either z from here. Returns ().
    """
    ahead = F.cosine_similarity(p, other_z.detach(), dim=1)  # (N,)
    back = F.cosine_similarity(other_p, z.detach(), dim=1)
    return -(ahead + back).mean() / 2


def nearest_text_loss(image: Tensor, neighbour: Tensor, scale: Tensor, group: Tensor) -> Tensor:
    r"""Cross-entropy of image i over the neighbours $v'_j$ of all texts, target $q_{ij}\propto[g_i=g_j]$; of images only, as the
    neighbours are constants (the official solver has no term from texts to images here).

    image, neighbour: (N, D), unit rows; scale: (); group: (N,) long, equal where *neighbours'* captions are equal. Returns ().
    """
    q = (group[:, None] == group[None, :]).to(image.dtype)  # (N, N)
    return F.cross_entropy(scale * image @ neighbour.detach().T, q / q.sum(dim=1, keepdim=True))


class TextQueue:
    """The last `size` text features, oldest first out, with the number of the pair that each came from and its caption's.

    Attributes: features (n, D), owner (n,), group (n,), oldest first; None while empty.

    Raises:
        ValueError: a size below 1.
    """

    def __init__(self, size: int):
        if size < 1:
            raise ValueError(f"a queue of size {size} holds nothing; give at least 1")
        self.size = size
        self.features: Tensor | None = None
        self.owner: Tensor | None = None
        self.group: Tensor | None = None

    def push(self, features: Tensor, owner: Tensor, group: Tensor) -> None:
        """Append features (N, D) without their history; what exceeds the size leaves from the front."""
        new = (features.detach(), owner.to(features.device), group.to(features.device))
        old = (self.features, self.owner, self.group)
        joined = (b if a is None else torch.cat([a, b]) for a, b in zip(old, new, strict=True))
        self.features, self.owner, self.group = (x[-self.size :] for x in joined)

    def foreign(self, owner: Tensor) -> Tensor:
        """(N, n) bool: entries that came from another pair than each of `owner` (N,)."""
        return owner.to(self.owner.device)[:, None] != self.owner[None, :]

    def nearest(self, text: Tensor, owner: Tensor) -> Tensor:
        """(N,) long: for each text (N, D) the entry with the largest inner product, among those of other pairs."""
        similarity = text.detach() @ self.features.T  # (N, n)
        return similarity.masked_fill(~self.foreign(owner), -torch.inf).argmax(dim=1)

    def random(self, owner: Tensor) -> Tensor:
        """(N,) long: for each row any entry of another pair, all with equal chance."""
        return torch.multinomial(self.foreign(owner).float(), 1)[:, 0]

    def serves(self, owner: Tensor) -> bool:
        """Is there, for every row, an entry of another pair?"""
        return self.features is not None and bool(self.foreign(owner).any(dim=1).all())


class DeclipLoss(nn.Module):
    r"""$\mathcal{L}=(1-\alpha-\beta-\gamma)\mathcal{L}_V+\alpha\mathcal{L}_\mathrm{ISS}+\beta\mathcal{L}_\mathrm{TSS}
    +\gamma\mathcal{L}_\mathrm{NNS}$, where $\mathcal{L}_V$ is the mean of CLIP's loss over the four pairs of an image view and a
    text view (the official solver: 0.4, 0.2, 0.2, 0.2).

    Args:
        images, words, neighbours: the weights alpha, beta, gamma; what a term of weight 0 gives up goes to the contrast.
        views: False contrasts the first views only. queue: length, in text features; both views of a text enter it.

    Shapes: image_features, text_features and the other views' (N, D), unit rows; logit_scale (); predicted, projected: pairs of
    (N, E); word_logits (M, V) and word_labels (M,) of the M masked words, M may be 0; group (N,) long, equal where captions are
    equal: these are no negatives of each other; owner (N,) long, the numbers of the pairs. Returns (), or with output_dict the
    weighted terms of which it is the sum. `found` holds the owners (2, N) of the last neighbours, or None. Neighbours are
    searched before the batch enters the queue; while the queue has no foreign entry for every row, the term is left out.

    Raises:
        ValueError: weights that are negative or exceed 1 together; shapes that do not match.
    """

    def __init__(self, images: float = 0.2, words: float = 0.2, neighbours: float = 0.2, views: bool = True, queue: int = 1024):
        super().__init__()
        if min(images, words, neighbours) < 0 or images + words + neighbours > 1:
            raise ValueError(f"weights {images}, {words}, {neighbours} must not be negative, nor more than 1 together")
        self.images, self.words, self.neighbours, self.views = images, words, neighbours, views
        self.queue = TextQueue(queue)
        self.found: Tensor | None = None

    def pick(self, text: Tensor, owner: Tensor) -> Tensor:
        """(N,) long: the queue's entries that serve as further positives: the nearest."""
        return self.queue.nearest(text, owner)

    def contrast(self, images: tuple[Tensor, ...], texts: tuple[Tensor, ...], scale: Tensor, group: Tensor) -> Tensor:
        """Mean of CLIP's loss over all pairs of a view of the images and one of the texts."""
        if not self.views:
            images, texts = images[:1], texts[:1]
        losses = [multi_positive_clip_loss(u, v, scale, group) for u in images for v in texts]
        return sum(losses) / len(losses)

    def neighbour_term(self, images: tuple[Tensor, ...], texts: tuple[Tensor, ...], scale: Tensor, owner: Tensor) -> Tensor:
        """Mean of `nearest_text_loss` over the views of the images and the neighbours of both views of the texts."""
        picks = [self.pick(v, owner) for v in texts]
        self.found = torch.stack([self.queue.owner[k] for k in picks])
        chosen = [(self.queue.features[k], self.queue.group[k]) for k in picks]
        losses = [nearest_text_loss(u, n, scale, g) for u in images for n, g in chosen]
        return sum(losses) / len(losses)

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        other_image_features: Tensor,
        other_text_features: Tensor,
        predicted: tuple[Tensor, Tensor],
        projected: tuple[Tensor, Tensor],
        word_logits: Tensor,
        word_labels: Tensor,
        group: Tensor,
        owner: Tensor,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        images, texts = (image_features, other_image_features), (text_features, other_text_features)
        for u in images:
            for v in texts:
                check_features(u, v)
        if group.shape != image_features.shape[:1] or owner.shape != group.shape:
            raise ValueError(
                f"group {tuple(group.shape)} and owner {tuple(owner.shape)} must name one each for {len(image_features)} pairs"
            )
        group, owner, self.found = group.to(image_features.device), owner.to(image_features.device), None
        first = 1 - self.images - self.words - self.neighbours
        parts = {"contrastive_loss": first * self.contrast(images, texts, logit_scale, group)}
        if self.images:
            parts["image_loss"] = self.images * simsiam_loss(predicted[0], projected[0], predicted[1], projected[1])
        if self.words and len(word_labels):
            parts["word_loss"] = self.words * F.cross_entropy(word_logits, word_labels)
        if self.neighbours:
            if self.queue.serves(owner):
                parts["neighbour_loss"] = self.neighbours * self.neighbour_term(images, texts, logit_scale, owner)
            for v in reversed(texts):  # the plain view enters last, as in the official code
                self.queue.push(v, owner, group)
        return parts if output_dict else sum(parts.values())


class RandomNeighbourLoss(DeclipLoss):
    """The control: as many further positives, drawn from the queue at random. The draw comes from torch's generator."""

    def pick(self, text: Tensor, owner: Tensor) -> Tensor:
        """(N,) long: any entries of other pairs."""
        return self.queue.random(owner)
