"""Are the learning rates of `video`, `longtext` and `data` good ones? Each arm at the same few, on seeds that no record uses.

    python -m vlatlas.protocols.rates longtext 10 11

One JSON line per run, in the set-up of the records on a cpu. Scored: base classes, or motions, of validation videos; recall in
the gallery of the seed itself; concepts of pictures that no record is judged by.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

import torch

from ..data.splits import web
from ..methods.metaclip import balance, count, match, threshold
from .data import ENTRIES, Curation, Pairs
from .longtext import LongTexts
from .video import RATES, Video

GRIDS = {"appearance": (3e-4, 1e-3, 3e-3, 1e-2), "order": (1e-3, 3e-3, 1e-2, 3e-2)}
GRIDS |= {"longtext": (5e-4, 1e-3, 2e-3, 4e-3), "data": (2e-3, 4e-3, 8e-3, 1.6e-2)}
TUNED = ("plain", "kps", "whole", "longclip")  # of `longtext`; the other arms are its controls
DIGITS = 4  # of a score
SETUPS = {"video": Video(), "longtext": LongTexts(), "data": Curation(test_seed=web.TEST_SEED + 300_000)}


def choices(protocol: Curation, seed: int) -> dict[str, Pairs]:
    """`size` pairs of a seed's pool: at random ("raw"), at random of those that match, and by the cap that gives so many."""
    pool, order = protocol.web(seed), torch.Generator()
    matched = match(pool.texts, ENTRIES)
    counts = count(matched, len(ENTRIES))
    capped = balance(matched, counts, threshold(matched, counts, 1.04 * protocol.size), seed)
    rows = {"raw": torch.arange(len(pool)), "matched": torch.tensor([i for i, m in enumerate(matched) if m]), "balanced": capped}
    shuffled = {arm: r[torch.randperm(len(r), generator=order.manual_seed(seed))] for arm, r in rows.items()}
    return {arm: pool.rows(r[: protocol.size]) for arm, r in shuffled.items()}


def runs(protocol: Video | LongTexts | Curation, seed: int) -> Iterator[dict]:
    """Every arm at every rate: "task" of `GRIDS`, "arm", "lr", "score"; of `longtext` also recall by one sentence, "short"."""
    if isinstance(protocol, Video):
        for task, arm, lr in ((t, a, lr) for t in RATES for a in RATES[t] for lr in GRIDS[t]):
            score = protocol.validate(task, protocol.fit(task, arm, seed, lr))
            yield {"task": task, "arm": arm, "lr": lr, "score": round(score, DIGITS)}
    elif isinstance(protocol, LongTexts):
        for tried, arm in ((replace(protocol, lr=lr), arm) for lr in GRIDS["longtext"] for arm in TUNED):
            model = tried.tune(arm, seed)
            score, short = (round(r, DIGITS) for r in (tried.recall(model, seed), tried.short_recall(model, seed)))
            yield {"task": "longtext", "arm": arm, "lr": tried.lr, "score": score, "short": short}
    else:
        for (arm, pairs), lr in ((c, lr) for c in choices(protocol, seed).items() for lr in GRIDS["data"]):
            score = protocol.score(replace(protocol, lr=lr).fit(pairs, seed, arm))["mean"]
            yield {"task": "data", "arm": arm, "lr": lr, "score": round(score, DIGITS)}


def main(arguments: list[str] | None = None) -> None:
    """Print one JSON line for each run."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.rates", description=__doc__.split("\n\n")[0])
    parser.add_argument("protocol", choices=SETUPS)
    parser.add_argument("seeds", type=int, nargs="+")
    given = parser.parse_args(arguments)
    for seed in given.seeds:
        for row in runs(SETUPS[given.protocol], seed):
            print(json.dumps({"seed": seed} | row), flush=True)


if __name__ == "__main__":
    main()
