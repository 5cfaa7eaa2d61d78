"""The `distillation` protocol: what a student several times smaller gains from a teacher, at equal steps. Papers: clip-kd.

The teacher is scenes-clip, or a stand-in for it; its features of the training scenes are computed once. All arms of a seed share
the student's initial weights, the scenes, their order and the number of steps; the student classifies with its own text tower.
Scenes are of the teacher's world, the simpler part of it, for a student that sees a hundredth of what the teacher saw. How rate
and weights were chosen stands in `distillation_sweep`.
"""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from ..data.scenes import World
from ..data.stream import Pool
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..evals.alignment import linear_cka, mean_cosine
from ..methods.clip_kd import TERMS, DistillationLoss, DistilledStudent
from ..models import CLIP, load
from ..train import train
from .pretraining import Pretraining
from .shipped import WORLD, fresh

VALIDATION_SEED = 2  # of the sweep's scenes; those of training and test are 0 and 1
STUDENTS_WORLD = WORLD(styles=("flat",), textures=1, backgrounds=1, rotation=0.0, spread=0.0, fill=(0.75, 0.9))
SINGLE = ("crd", "fd", "mfd", "icl", "gd", "afd")
ARMS = {  # arm -> its terms, and its teacher
    "none": ((), "trained"),
    **{name: (("fd" if name == "mfd" else name,), "trained") for name in SINGLE},
    "union": (("fd", "icl", "crd"), "trained"),
    "untrained": (("fd",), "untrained"),
    "strangers": (("fd",), "strangers"),
}


@dataclass
class Signals:
    """A teacher's unit features of the training images and texts, (pool, D) each, and its logit scale."""

    image: Tensor
    text: Tensor
    scale: float


@dataclass(frozen=True)
class Distillation(Pretraining):
    """`Pretraining` with a teacher. width, depth, text_width, text_depth: of the student; backbone: the teacher; fd, crd, icl,
    gd, afd: the weights of the terms; mask: the share of patches that the student of "mfd" does not see."""

    world: World = field(default_factory=lambda: STUDENTS_WORLD)
    pool: int = 4_096
    test: int = 1_000
    patch_size: int = 8
    width: int = 48
    depth: int = 2
    heads: int = 3
    text_width: int = 48
    text_depth: int = 1
    context: int = 24
    pairs: int = 4_096
    batch_size: int = 32
    lr: float = 0.002
    fd: float = 0.0625
    crd: float = 4.0
    icl: float = 1.0
    gd: float = 1e-05
    afd: float = 1.0
    mask: float = 0.0625
    backbone: str = "scenes-clip"
    device: str = "cpu"

    def vary(self, **settings) -> "Distillation":
        """The same scenes, teacher and student with another lr, mask or weight; what was rendered and computed is shared.

        Raises:
            ValueError: a setting that would need other scenes or models.
        """
        wrong = set(settings) - {"lr", "mask", *TERMS}
        if wrong:
            raise ValueError(f"{', '.join(sorted(wrong))} cannot vary here: make a new protocol for that")
        other = replace(self, **settings)
        names = {f.name for f in fields(self)}
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k not in names})
        return other

    def teacher(self, name: str = "trained") -> CLIP:
        """ "trained": the backbone; "untrained": its architecture with weights as drawn.

        Raises:
            ValueError: an unknown teacher.
        """
        if name not in ("trained", "untrained"):
            raise ValueError(f"teacher {name!r} is unknown; use 'trained' or 'untrained'")
        return (load(self.backbone) if name == "trained" else fresh(1).eval()).to(self.device)

    @cached_property
    def told(self) -> dict[str, Signals]:
        """What `signals` has computed so far."""
        return {}

    def signals(self, name: str = "trained") -> Signals:
        """What a teacher says of all training scenes; "strangers" is what the trained one says of other scenes, the same for
        image and text and in every epoch."""
        if name == "strangers":
            own = self.signals()
            return Signals(*(x.roll(len(x) // 2, dims=0) for x in (own.image, own.text)), own.scale)
        if name not in self.told:
            model, pool = self.teacher(name), self.train_pool
            features = encode_images(model, pool.floats()), encode_texts(model, pool.captions)
            self.told[name] = Signals(*features, model.scale().item())
        return self.told[name]

    def fit(self, arm: str, seed: int, **changes) -> CLIP:
        """Train the student of one arm and return it without what it learnt beside. changes: other settings of `TrainConfig`.

        Raises:
            ValueError: an unknown arm.
        """
        if arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use one of {', '.join(ARMS)}")
        terms, teacher = ARMS[arm]
        signals, pool = self.signals(teacher), self.train_pool
        student = DistilledStudent(self.model(seed, self.mask if arm == "mfd" else 0.0), "afd" in terms, seed)
        plan = self.schedule(seed, **changes)
        order = pool.batches(plan.batch_size, seed, indices=True)

        def batches(step: int):
            rows = order(step)
            further = {"group": pool.group[rows].to(self.device)}
            return pool.floats(rows), pool.ids[rows], signals.image[rows], signals.text[rows], further

        loss = DistillationLoss({term: getattr(self, term) for term in terms}, signals.scale)
        train(student, batches, loss, plan, self.device, label=f"{arm}, seed {seed}")
        return student.clip.eval()

    @cached_property
    def validation_pool(self) -> Pool:
        """Scenes for choosing rates and weights, of neither training nor test."""
        return Pool(self.world, self.test, self.tokenizer, VALIDATION_SEED)

    @cached_property
    def classes(self) -> list[tuple[int, int]]:
        """The (shape, colour) combinations that training shows, in the order of the class numbers."""
        return sorted({(int(s), int(c)) for s, c, _ in self.world.combinations})

    def named_right(self, model: CLIP, pool: Pool) -> float:
        """Share of the scenes whose shape and colour the sentences name right, both together."""
        names = [(self.world.shapes[s], self.world.colours[c]) for s, c in self.classes]
        w = class_embeddings(model, [self.world.prompts(shape=s, colour=c) for s, c in names])
        things = zip(pool.labels["shape"][:, 0].tolist(), pool.labels["colour"][:, 0].tolist(), strict=True)
        return accuracy(predict(encode_images(model, pool.floats()), w), torch.tensor([self.classes.index(t) for t in things]))

    def evaluate(self, model: CLIP) -> dict[str, float]:
        """On test scenes: "zero_shot"; "recall", at 1, the mean of both directions, among scenes whose captions differ; and how
        alike student and trained teacher see: "cosine", the mean of images' and texts', and "cka" of the images."""
        pool = self.test_pool
        u, v = encode_images(model, pool.floats()), encode_texts(model, pool.captions)
        tu, tv = self.views
        first = torch.tensor(sorted({g: i for i, g in reversed(list(enumerate(pool.group.tolist())))}.values()))
        recall = recall_at_k(u[first], v[first], ks=(1,))
        return {
            "zero_shot": self.named_right(model, pool),
            "recall": sum(recall.values()) / 2,
            "cosine": (mean_cosine(u, tu) + mean_cosine(v, tv)) / 2,
            "cka": linear_cka(u, tu),
        }

    @cached_property
    def views(self) -> tuple[Tensor, Tensor]:
        """The trained teacher's unit features of the test images and texts."""
        model = self.teacher()
        return encode_images(model, self.test_pool.floats()), encode_texts(model, self.test_pool.captions)
