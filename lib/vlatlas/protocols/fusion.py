"""The `fusion` protocol: a fusion encoder from scratch on noisy titles, over frozen image tokens. Papers: albef.

A pair is a scene with one object and its title of five facts. A share of the training titles is wrong, half of them swapped,
half with another colour or shape; the truth is kept aside. The image tokens are those halfway up a tower trained on labels
of shape and colour, which has never met a text; they are computed once. The test ranks clean titles and scenes of galleries by
the matching head on every pair, by the contrastive features, and, as the paper does, by the head on the few that these put first.
"""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..data.titles import FACTS, facts, noisy_facts
from ..evals.reranking import reranked_r1
from ..losses.soft_targets import AlbefLoss
from ..methods.albef import Albef, other
from ..methods.declip import masked
from ..methods.fusion_encoder import FusionEncoder
from ..models import load
from ..models.tokenizer import END
from ..models.vision import patchify
from ..train import TrainConfig, train
from .shipped import WORLD as SHIPPED

TRAIN_SEED, TEST_SEED = 51, 52
WORLD = SHIPPED(detail="full")
ARMS = {  # one more part each, and a rival for the last
    "fuse": {"contrast": False, "negatives": "random", "targets": "one-hot"},
    "itc": {"contrast": True, "negatives": "random", "targets": "one-hot"},
    "hard": {"contrast": True, "negatives": "hard", "targets": "one-hot"},
    "mod": {"contrast": True, "negatives": "hard", "targets": "momentum"},
    "smooth": {"contrast": True, "negatives": "hard", "targets": "smoothed"},
}
RATES = {"fuse": 8e-3, "itc": 8e-3, "hard": 4e-3, "mod": 4e-3, "smooth": 4e-3}  # the best of four on seeds 10 and 11
WAYS = ("dual", "listed", "fused")
CLASS_TOKEN = END  # no title has an end of text, so its id is free


@dataclass(frozen=True)
class Fusion:
    """One configuration. pairs: of the training pool; gallery, galleries: distinct titles in a test gallery, and how many of
    these; crossed: in how many of them the head reads every pair; shortlist: see `evaluate`; steps, batch_size, mask: of a run,
    mask the share of words to be told; lr: of all arms, instead of `RATES`; alpha rises linearly over the first `ramp` of the
    steps; queue, momentum: of `Albef`; probes: further titles among which the mass on the true one is read; tower,
    blocks: where the frozen tokens come from; width, heads, image_layers: of the fusion encoder."""

    pairs: int = 1_500
    gallery: int = 96
    galleries: int = 6
    crossed: int = 1
    shortlist: int = 8
    steps: int = 200
    batch_size: int = 48
    lr: float | None = None
    mask: float = 0.15
    alpha: float = 0.4
    ramp: float = 0.2
    queue: int = 256
    momentum: float = 0.95
    width: int = 48
    heads: int = 3
    image_layers: int = 0
    probes: int = 62
    tower: str = "scenes-supervised"
    blocks: int = 2
    device: str = "cpu"

    @cached_property
    def visual(self):
        """The frozen image tower."""
        return load(self.tower).visual.eval()

    @torch.no_grad()
    def tokens(self, images: Tensor) -> Tensor:
        """Frozen tokens (n, P / 4, 4 Wi): after the first `blocks` blocks, where size, texture and background are not lost yet;
        each token is four neighbours side by side, which makes fusion four times as cheap."""
        visual, out = self.visual, []
        for x in images.split(256):
            x = visual.embed_patches((patchify(x, visual.patch_size) - 0.5) / 0.25) + visual.position
            for block in visual.blocks[: self.blocks]:
                x = block(x)
            out.append(x)
        x, side = torch.cat(out), images.shape[-1] // self.visual.patch_size // 2
        x = x.view(len(x), side, 2, side, 2, -1).transpose(2, 3)  # (n, rows, columns, 2, 2, Wi)
        return x.reshape(len(x), side * side, -1)

    @cached_property
    def train_set(self) -> tuple[Tensor, Tensor]:
        """Tokens (n, P, Wi) and true facts (n, 5)."""
        batch = WORLD.batch(TRAIN_SEED, range(self.pairs))
        return self.tokens(batch.images), facts(batch)

    @cached_property
    def test_batch(self):
        """Scenes of the galleries, one after another, with distinct titles throughout."""
        count = self.gallery * self.galleries
        told = facts(WORLD.batch(TEST_SEED, range(4 * count + 64))).tolist()
        first = list({tuple(row): i for i, row in reversed(list(enumerate(told)))}.values())
        if len(first) < count:
            raise ValueError(
                f"{len(first)} distinct titles are too few for {self.galleries} galleries of {self.gallery}; ask for fewer"
            )
        return WORLD.batch(TEST_SEED, sorted(first)[:count])

    @cached_property
    def test_set(self) -> tuple[Tensor, Tensor]:
        """Tokens and ids of the galleries."""
        return self.tokens(self.test_batch.images), self.ids(facts(self.test_batch))

    @cached_property
    def _word_ids(self) -> list[Tensor]:
        tokenizer = load("scenes-clip").tokenizer
        return [torch.tensor([tokenizer.ids[w] for w in WORLD.classes(a)]) for a in FACTS]

    @cached_property
    def vocabulary(self) -> int:
        return len(load("scenes-clip").tokenizer)

    def ids(self, told: Tensor) -> Tensor:
        """(n, 6): a class token and the words of the titles that tell these facts (n, 5)."""
        words = [ids[told[:, k]] for k, ids in enumerate(self._word_ids)]
        return torch.stack([torch.full_like(words[0], CLASS_TOKEN), *words], dim=1)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def labelled(self, rate: float, seed: int, kind: str = "both") -> tuple[Tensor, Tensor]:
        """Facts (n, 5) that the training titles tell, and the mask (n,) of the wrong ones."""
        return noisy_facts(WORLD, self.train_set[1], rate, seed, kind)

    def batches(self, rate: float, seed: int, kind: str = "both"):
        """step -> (patches, ids, masked ids, labels, alpha); the same for every arm."""
        patches, ids = self.train_set[0], self.ids(self.labelled(rate, seed, kind)[0])

        def batch(step: int):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randperm(len(ids), generator=generator)[: self.batch_size]
            hidden, labels = masked(ids[rows], self.vocabulary, generator, self.mask)
            return patches[rows], ids[rows], hidden, labels, self.alpha * min(1.0, step / (self.ramp * self.steps))

        return batch

    def model(self, arm: str, seed: int) -> Albef:
        """An untrained arm of `ARMS`; the same weights for all arms of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = FusionEncoder(
                4 * self.visual.width, self.vocabulary, 1 + len(FACTS), self.width, self.heads, image_layers=self.image_layers
            )
        return Albef(encoder, queue=self.queue, momentum=self.momentum, **ARMS[arm])

    def attention(self):
        """A context: on a CPU plain products, since for six words torch's fused kernel is the slower one."""
        return sdpa_kernel(SDPBackend.MATH) if self.device == "cpu" else nullcontext()

    def run(self, arm: str, seed: int, rate: float, kind: str = "both") -> Albef:
        """One arm, trained."""
        model = self.model(arm, seed)
        config = TrainConfig(self.steps, self.batch_size, self.lr or RATES[arm], seed=seed)
        with self.attention():
            train(model, self.batches(rate, seed, kind), AlbefLoss(), config, self.device, label=f"{arm} {rate}")
        return model.eval()

    @torch.no_grad()
    def evaluate(self, encoder: FusionEncoder, ways: tuple[str, ...] = WAYS) -> dict[str, float]:
        """R@1, mean of both directions and of the galleries: "dual", by the contrastive features alone; "listed", the `shortlist`
        best of these ranked by the matching head; "fused", all pairs ranked by that head, in the first `crossed` galleries."""
        found = {way: [] for way in ways}
        with self.attention():
            for patches, ids in zip(*(x.to(self.device).split(self.gallery) for x in self.test_set), strict=True):
                z, h = encoder.see(patches), encoder.read(ids)
                similarity = (encoder.image_features(z) @ encoder.text_features(h).T).cpu()
                if "dual" in found:
                    found["dual"].append(reranked_r1(similarity, similarity, self.gallery))
                if "listed" in found:
                    scores = self.listed_scores(encoder, z, h, similarity)
                    found["listed"].append(reranked_r1(scores, similarity, self.shortlist))
                if "fused" in found and len(found["fused"]) < self.crossed:
                    scores = encoder.match_scores(z, h).cpu()
                    found["fused"].append(reranked_r1(scores, similarity, self.gallery))
        return {way: sum(values) / len(values) for way, values in found.items()}

    def listed_scores(self, encoder: FusionEncoder, z: Tensor, h: Tensor, similarity: Tensor) -> Tensor:
        """(N, N): log-odds of the pairs of image tokens z (N, P, W) and text tokens h (N, T, W) that are on the list of the image
        or of the text, and zero for all others, which `reranked_r1` does not read."""
        listed, k = torch.zeros_like(similarity), min(self.shortlist, len(similarity))
        for dim in (0, 1):
            listed.scatter_(dim, similarity.topk(k, dim=dim).indices, 1.0)
        image, text = listed.nonzero(as_tuple=True)  # (n,) each
        fused = encoder.fuse(h[text.to(h.device)], z, image.to(h.device), tokens=1)  # (n, 1, W)
        logits = encoder.matches(fused).cpu()  # (n, 2)
        return torch.zeros_like(similarity).index_put((image, text), logits[:, 1] - logits[:, 0])

    @torch.no_grad()
    def mass(self, model: Albef, rate: float, seed: int, kind: str = "both") -> dict[str, float]:
        """What the momentum copy gives to the "true" and to the "told" title of the training pairs that are wrong, mean over
        these; the candidates are both and `probes` titles of the test. "equal" is one candidate's share."""
        copy, (told, wrong) = model.copy, self.labelled(rate, seed, kind)
        u = copy.image_features(copy.see(self.train_set[0][wrong].to(self.device)))  # (n, D)
        true, told = (self.ids(f[wrong]).to(self.device) for f in (self.train_set[1], told))  # (n, 6)
        others = self.test_set[1][: self.probes].to(self.device)
        v_true, v_told, v = (copy.text_features(copy.read(ids)) for ids in (true, told, others))
        same = (true[:, None] == others).all(dim=2) | (told[:, None] == others).all(dim=2)  # (n, probes)
        rest = (u @ v.T).masked_fill(same, -torch.inf)
        scores = torch.cat([(u * v_true).sum(1, keepdim=True), (u * v_told).sum(1, keepdim=True), rest], dim=1)
        q = (scores / model.tau()).softmax(dim=1).mean(dim=0)
        return {"true": q[0].item(), "told": q[1].item(), "equal": 1 / (2 + len(others))}

    @torch.no_grad()
    def fits(self, model: Albef, rate: float, seed: int) -> dict[str, float]:
        """Of the five facts, how many are true of the image, mean over training pairs whose title is far off (at most three of
        them, as most swapped ones): in the title that matching is "told" to accept, and in those of the same batch that it is
        told to reject, "hard" or "random" ones."""
        encoder, told, count = model.encoder, self.labelled(rate, seed)[0], {"told": [], "hard": [], "random": []}
        far = (told == self.train_set[1]).sum(dim=1) <= 3
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for rows in torch.randperm(len(told), generator=generator).split(self.batch_size):
                patches, ids = self.train_set[0][rows].to(self.device), self.ids(told[rows]).to(self.device)
                u, v = encoder.image_features(encoder.see(patches)), encoder.text_features(encoder.read(ids))
                similarity, own = (u @ v.T / model.tau()).cpu(), torch.arange(len(rows))
                drawn = {"told": own, "hard": other(similarity, True), "random": other(similarity, False)}
                for name, column in drawn.items():
                    same = told[rows[column]] == self.train_set[1][rows]  # (B, 5)
                    count[name].append(same.sum(dim=1)[far[rows]])
        return {name: torch.cat(values).float().mean().item() for name, values in count.items()}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"rates": {arm: self.lr or rate for arm, rate in RATES.items()}}
