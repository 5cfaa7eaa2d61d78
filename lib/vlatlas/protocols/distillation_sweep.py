"""Which rate and weights `distillation` trains with: of each, the best of five, on validation scenes and seeds of which no
record ever sees one.

    python -m vlatlas.protocols.distillation_sweep 10 11

The rate is the best for a student without a teacher, and all arms train at it. Then each term has its weight chosen, alone
beside CLIP's loss; masked features take the weight of features, as in the released scripts, and have their mask ratio chosen. The
union takes the weights of its parts and is not tuned.
"""

import argparse
import json
import statistics

from .distillation import Distillation

GRIDS = {  # the released weights, where there are any, are among them: 2000 / 512 for features, 1 for crd and icl
    "lr": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
    "fd": (0.0625, 0.25, 1.0, 4.0, 16.0),
    "crd": (0.25, 1.0, 4.0, 16.0, 64.0),
    "icl": (0.0625, 0.25, 1.0, 4.0, 16.0),
    "gd": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    "afd": (0.0625, 0.25, 1.0, 4.0, 16.0),
    "mask": (0.0625, 0.125, 0.25, 0.5, 0.75),
}
ARM = {"lr": "none", "mask": "mfd"}  # the others are named like their arm


def judge(protocol: Distillation, what: str, value: float, seed: int) -> float:
    """Zero-shot accuracy on the validation scenes with one setting at this value."""
    tried = protocol.vary(**{what: value})
    return tried.named_right(tried.fit(ARM.get(what, what), seed), protocol.validation_pool)


def sweep(seeds: list[int], protocol: Distillation, grids: dict = GRIDS) -> tuple[Distillation, dict[str, dict[float, float]]]:
    """The protocol with the best of each grid, taken in order, and setting -> value -> mean accuracy over the seeds."""
    protocol.signals(), protocol.validation_pool  # noqa: B018  once, for all that follow
    found = {}
    for what, values in grids.items():
        found[what] = {v: round(statistics.mean(judge(protocol, what, v, seed) for seed in seeds), 4) for v in values}
        protocol = protocol.vary(**{what: max(found[what], key=found[what].get)})
    return protocol, found


def main(arguments: list[str] | None = None) -> None:
    """Print the sweep as JSON."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.distillation_sweep", description=__doc__.split("\n\n")[0])
    parser.add_argument("seeds", type=int, nargs="+")
    seeds = parser.parse_args(arguments).seeds
    print(json.dumps({"seeds": seeds, "zero_shot": sweep(seeds, Distillation())[1]}, indent=2))


if __name__ == "__main__":
    main()
