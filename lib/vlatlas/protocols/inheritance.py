"""The `distillation` protocol for a student whose weights can be taken from its teacher: half its layers, about half its
channels, heads of the same size. Papers: tinyclip.

Scenes, teacher, steps and evaluation are those of `distillation`. The learning rates, one for all arms of the student and one
for a model of the teacher's size, are the best of six without a teacher: `python -m vlatlas.protocols.inheritance 10 11`.
"""

import argparse
import json
import statistics
from dataclasses import dataclass, replace

from ..methods.clip_kd import DistillationLoss, DistilledStudent
from ..methods.tinyclip import AffinityLoss, inherit, scrambled
from ..models import CLIP
from ..train import train
from .distillation import Distillation
from .shipped import SIZES

ARMS = {  # arm -> where its weights come from, what it minimises, whose affinities
    "none": ("drawn", "clip", "trained"),
    "affinity": ("drawn", "affinity", "trained"),
    "inherit": ("teacher", "clip", "trained"),
    "both": ("teacher", "affinity", "trained"),
    "large": ("large", "clip", "trained"),
    "scrambled": ("scrambled", "clip", "trained"),
    "strangers": ("drawn", "affinity", "strangers"),
}
RATES = (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3)


@dataclass(frozen=True)
class Inheritance(Distillation):
    """`Distillation` with another student. lr: of the student; lr_large: of a fresh model of the teacher's size; every: steps
    between two points of a learning curve; watched: test scenes on which it is drawn; judged: training pairs on which the
    teacher's activations are measured."""

    width: int = 64
    heads: int = 2
    text_width: int = 64
    lr: float = 0.002
    lr_large: float = 0.0005
    every: int = 8
    watched: int = 400
    judged: int = 256

    def start(self, arm: str, seed: int) -> CLIP:
        """The model of an arm before its first step. The same seed draws the same weights in all arms that draw them."""
        origin = ARMS[arm][0]
        if origin == "large":
            return self.model(seed, **{k: v for k, v in SIZES.items() if k not in ("patch_size", "context")})
        student = self.model(seed)
        if origin == "drawn":
            return student
        teacher = self.teacher().cpu()
        teacher = scrambled(teacher, seed) if origin == "scrambled" else teacher
        rows = slice(0, self.judged)
        return inherit(student, teacher, self.train_pool.floats(rows), self.train_pool.ids[rows])

    def learn(self, arm: str, seed: int, curve: bool = True, lr: float | None = None) -> tuple[CLIP, list[tuple[int, float]]]:
        """The trained model of an arm, and (step, accuracy on the watched test scenes) along the way.

        Raises:
            ValueError: an unknown arm.
        """
        if arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use one of {', '.join(ARMS)}")
        origin, aim, teacher = ARMS[arm]
        signals, pool = self.signals(teacher), self.train_pool
        student = DistilledStudent(self.start(arm, seed))
        loss = AffinityLoss(signals.scale) if aim == "affinity" else DistillationLoss({}, signals.scale)
        plan = self.schedule(seed, lr=lr or (self.lr_large if origin == "large" else self.lr))
        order = pool.batches(plan.batch_size, seed, indices=True)

        def batches(step: int):
            rows = order(step)
            further = {"group": pool.group[rows].to(self.device)}
            return pool.floats(rows), pool.ids[rows], signals.image[rows], signals.text[rows], further

        def watch(model: DistilledStudent) -> dict[str, float]:
            return {"zero_shot": self.named_right(model.clip.eval(), self.watched_pool)}

        points = tuple(range(self.every, plan.steps + 1, self.every)) if curve else ()
        history = train(student, batches, loss, plan, self.device, watch, points, label=f"{arm}, seed {seed}")
        return student.clip.eval(), [(point["step"], point["zero_shot"]) for point in history.evals]

    @property
    def watched_pool(self):
        """The first test scenes, as a pool of their own."""
        if "_watched" not in self.told:
            smaller = replace(self, test=min(self.watched, self.test))
            self.told["_watched"] = smaller.test_pool
        return self.told["_watched"]


def steps_to(curve: list[tuple[int, float]], target: float) -> float:
    """The first step of a curve with at least this accuracy; infinite if there is none."""
    return next((float(step) for step, accuracy in curve if accuracy >= target), float("inf"))


def sweep(seeds: list[int], protocol: Inheritance, rates=RATES) -> dict[str, dict[float, float]]:
    """Mean accuracy on validation scenes without a teacher, by rate, of the student and of a model of the teacher's size."""

    def judge(arm: str, rate: float) -> float:
        models = (protocol.learn(arm, seed, curve=False, lr=rate)[0] for seed in seeds)
        return round(statistics.mean(protocol.named_right(m, protocol.validation_pool) for m in models), 4)

    return {field: {rate: judge(arm, rate) for rate in rates} for field, arm in (("lr", "none"), ("lr_large", "large"))}


def main(arguments: list[str] | None = None) -> None:
    """Print the sweep as JSON."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.inheritance", description=__doc__.split("\n\n")[0])
    parser.add_argument("seeds", type=int, nargs="+")
    seeds = parser.parse_args(arguments).seeds
    print(json.dumps({"seeds": seeds, "zero_shot": sweep(seeds, Inheritance())}, indent=2))


if __name__ == "__main__":
    main()
