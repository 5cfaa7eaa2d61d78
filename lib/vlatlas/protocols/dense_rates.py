"""Which learning rates `dense` trains with: for each thing that learns, the best of a grid, on backbones and scenes of which no
record ever sees one.

    python -m vlatlas.protocols.dense_clip 10 11
    python -m vlatlas.protocols.dense_rates 10 11

Everything here has masks, so no outcome of a method without them takes part in the choice; the student's rate is that of its
twin with masks. The tuned CLIP is judged by all names, those included that it has no masks of: what suits it best.
"""

import argparse
import json
import statistics

import torch

from ..methods.last_block import enter_many
from ..methods.maskclip import value_path
from .dense import Dense
from .dense_learnt import linear, supervised, tuned

CALIBRATION = Dense(part="threshold", test=300)
GRIDS = {
    "linear_lr": (3e-2, 1e-1, 3e-1, 1.0, 3.0),
    "student_lr": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "tuning_lr": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}


def judge(protocol: Dense, what: str, rate: float, seed: int) -> float:
    """mIoU over all names on the calibration scenes, of one of `GRIDS` trained at this rate."""
    model = protocol.clip(seed)
    with torch.no_grad():
        if what == "tuning_lr":
            block = enter_many(tuned(protocol, model, seed, rate), protocol.scenes.images)
            return protocol.miou(protocol.maps(value_path(block), protocol.words(model)))
        head = (linear if what == "linear_lr" else supervised)(protocol, model, seed, rate)
        return protocol.miou(head(protocol.tokens(protocol.enter(model, "test"))))


def sweep(seeds: list[int], protocol: Dense = CALIBRATION, grids: dict = GRIDS) -> dict[str, dict[float, float]]:
    """For each thing that learns, learning rate -> mean mIoU over the seeds."""
    return {
        what: {rate: round(statistics.mean(judge(protocol, what, rate, seed) for seed in seeds), 4) for rate in rates}
        for what, rates in grids.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the sweep as JSON."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.dense_rates", description=__doc__.split("\n\n")[0])
    parser.add_argument("seeds", type=int, nargs="+")
    seeds = parser.parse_args(arguments).seeds
    print(json.dumps({"seeds": seeds, "miou": sweep(seeds)}, indent=2))


if __name__ == "__main__":
    main()
