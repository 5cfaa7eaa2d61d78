"""A fit is a function of its task, images, seed and settings: it need not be made twice, and may be made with others."""

from collections.abc import Sequence
from hashlib import blake2b

from torch import Tensor

from .few_shot import FewShot, Fit, Logits, Task

Job = tuple[Task, Tensor, Tensor, int, dict]  # task, features, labels, seed, settings


class Remembered:
    """A fit, called as the one it wraps, that answers a repeated call with what it made before.

    `FewShot.measure` fits the base classes once more with settings that its choice has tried, and a control often asks for
    a choice that was made. The first call is the one that takes time: measure "seconds" before anything else is asked.

    Args:
        fit: a function of its arguments alone, whose result nobody changes. With a method `together`, from jobs to fits, it
            can be asked for many at once.
    """

    def __init__(self, fit: Fit):
        self.fit, self.made = fit, {}

    def __call__(self, task: Task, features: Tensor, labels: Tensor, seed: int = 0, **settings) -> Logits:
        key = _key(task, features, labels, seed, settings)
        if key not in self.made:
            self.made[key] = self.fit(task, features, labels, seed=seed, **settings)
        return self.made[key]

    def prepare(self, jobs: Sequence[Job]) -> None:
        """Make these fits together, as far as they are not made."""
        new = {key: job for job in jobs if (key := _key(*job)) not in self.made}
        if new:
            self.made.update(zip(new, self.fit.together(list(new.values())), strict=True))

    def ahead(self, protocol: FewShot, grid: Sequence[dict], seeds: Sequence[int], shots: Sequence[int]) -> None:
        """Make together what `FewShot.run` asks for: fits to the base classes with every setting of the grid, then to all
        classes with the chosen ones. Those at the protocol's most shots are left to be made, and timed, one by one."""
        grid = grid[: protocol.tries]
        if len(grid) > 1:
            self.prepare([_job(protocol, "base", seed, k, settings) for seed in seeds for k in shots for settings in grid])
        few = [(seed, k) for seed in seeds for k in shots if k < max(protocol.shots)]
        chosen = [protocol.choose(self, grid, seed, k) if len(grid) > 1 else grid[0] for seed, k in few]
        self.prepare([_job(protocol, "all", *pair, settings) for pair, settings in zip(few, chosen, strict=True)])


def _job(protocol: FewShot, which: str, seed: int, shots: int, settings: dict) -> Job:
    task = protocol.task(which, seed)
    return task, *task.part(*protocol.support(seed, shots)), seed, settings


def _key(task: Task, features: Tensor, labels: Tensor, seed: int, settings: dict) -> tuple:
    contents = (_content(x) for x in (task.w, features, labels))
    return task.numbers, task.names, task.scale, seed, *sorted(settings.items()), *contents


def _content(values: Tensor) -> tuple:
    return tuple(values.shape), values.dtype, blake2b(values.detach().cpu().contiguous().numpy().tobytes()).digest()
