"""What the book's page on speed shows, from the kept runs alone: python -m vlatlas.bench.page

Writes one table a suite, the figures and a stamp into book/reference/speed/; measures nothing.
"""

import hashlib
import re
from pathlib import Path

from .. import paths
from ..repro import atomic
from . import history

TITLES = {
    "softmax": "Softmax loss",
    "sigmoid": "Sigmoid loss",
    "softmax_tuned": "Softmax loss, tuned allocator",
    "large": "Losses where the matrix does not fit",
    "patch_dropout": "Patch dropout, 64 tokens",
    "patch_dropout_large": "Patch dropout, 196 tokens",
    "steps": "Training step",
    "retrieval": "Retrieval",
    "retrieval_large": "Retrieval, 100,000 of each",
    "startup": "Imports",
    "notebooks": "Notebooks",
    "render": "Scenes",
    "loader": "Loader",
    "book": "Book",
    "browser": "Site in a browser",
}


FIGURES = {
    "losses": (
        {"softmax", "sigmoid"},
        "Seconds of a forward and backward pass against the batch size, both axes logarithmic, for open_clip's losses and ours, "
        "above a dashed line: the time of the matrix products alone.",
        "Forward and backward pass of both losses at $D = 512$ in float32, with the time that $6N^2D$ floating-point operations "
        "take at the rate of that run's matrix product.",
    ),
    "tokens": (
        {"patch_dropout"},
        "Speed-up of the image tower against the share of patches kept, for our tower and open_clip's, with the ideal by "
        "floating-point operations dashed.",
        "Forward and backward pass of the image tower (width 192, depth 12) with a share of its patches, against all of them.",
    ),
    "steps": (
        {"steps"},
        "Bars of images a second of a whole training step, ours and open_clip's, in float32 and bfloat16.",
        "Forward pass of both towers, loss, backward pass, clipping and AdamW at the same sizes; texts of 8 to 20 words in 32 "
        "places.",
    ),
}  # name -> suites it needs, alternative text, caption


def shown(runs: list[dict]) -> str:
    """Markdown: the figures for which there are measurements."""
    parts = [
        f"```{{figure}} speed/{name}.svg\n:name: speed-{name}\n:alt: {alt}\n:class: dark-light\n\n{caption}\n```\n"
        for name, (_, alt, caption) in _drawable(runs).items()
    ]
    return "\n".join(parts) or "No run has been kept yet: `python -m vlatlas.bench --keep`.\n"


def _drawable(runs: list[dict]) -> dict:
    suites = set(history.latest(runs))
    return {name: what for name, what in FIGURES.items() if what[0] <= suites}


def tables(runs: list[dict]) -> str:
    """Markdown: each suite's newest kept run, what it ran on, and every row with its spread and bar."""
    if not runs:
        return "No run has been kept yet.\n"
    parts = []
    for name, (run, rows) in sorted(history.latest(runs).items(), key=lambda item: list(TITLES).index(item[0])):
        m = run["machine"]
        parts.append(
            f"**{TITLES[name]}** ({run['date']}; {m['processor']}, {m['threads']} threads, torch {m['torch']}, open_clip "
            f"{m['open_clip']}; a float32 matrix product ran at {m['product_gflops']} GFLOP/s)\n\n"
            "| measured | against | ratio, median | laps | fastest laps | bar | |\n|---|---|---|---|---|---|---|\n"
            + "".join(_row(r) for r in rows)
        )
    return "\n".join(parts)


def _row(r: dict) -> str:
    spread = f"{r['low']:.2f} to {r['high']:.2f}" if r["laps"] > 1 else "one"
    bar = "" if r["at_least"] is None else f"{r['at_least']:.2f}, {'met' if r['value'] >= r['at_least'] else '**not met**'}"
    what = "" if r["unit"] == "times as fast" else " (memory)"
    best = f"{r['best']:.2f}" if r["laps"] > 1 else ""
    return f"| {r['name']} | {r['baseline']} | {r['value']:.2f}{what} | {spread} | {best} | {bar} | {r['note']} |\n"


def slower(runs: list[dict]) -> str:
    """Markdown: what got slower between neighbouring kept runs."""
    found = history.changes(runs)
    if not found:
        return f"Nothing got slower in {len(runs)} kept runs.\n"
    rows = "".join(f"| {date} | {TITLES[suite]} | {name} | {a:.2f} | {b:.2f} |\n" for date, suite, name, a, b in found)
    return "| run | suite | measured | ratio before | ratio then |\n|---|---|---|---|---|\n" + rows


def figures(runs: list[dict]) -> dict:
    """name -> figure, for the suites that have been kept."""
    newest = {name: rows for name, (_, rows) in history.latest(runs).items()}
    drawn = {"losses": _losses, "tokens": _tokens, "steps": _steps}
    return {name: drawn[name](newest) for name in _drawable(runs)}


def _losses(newest: dict):
    """Seconds against N, the products alone drawn as the roofline."""
    from .. import plotting

    figure, axes = plotting.figure(6.0, 7.8, nrows=2, sharex=True, sharey=True)
    styles = {"open_clip": ("black", "o"), "keep": ("orange", "s"), "tiled": ("blue", "^")}
    for ax, kind in zip(axes, ("clip", "siglip"), strict=True):
        points: dict[str, list] = {}
        roof = []
        for r in newest["softmax"] + newest["sigmoid"] + newest.get("large", []):
            if not (found := re.fullmatch(rf"{kind} (\w+) N=(\d+)", r["name"])):
                continue
            side, n = found[1], int(found[2])
            taken = {"clip": "keep", "siglip": "tiled"}[kind] if side == "auto" else side  # at 1,024, where alone it is measured
            points.setdefault(taken, []).append((n, r["seconds"]))
            if "open_clip" in r["baseline"]:
                points.setdefault("open_clip", []).append((n, r["baseline_seconds"]))
            if rate := re.search(r"at (\d+) GFLOP/s", r["note"] + r["baseline"]):
                roof.append((n, 6 * n * n * 512 / (int(rate[1]) * 1e9)))
        for side, xy in points.items():
            name, marker = styles[side]
            xs, ys = zip(*sorted(set(xy)), strict=True)
            label = {"keep": "kept matrix", "tiled": "in blocks"}.get(side, side)
            ax.plot(xs, ys, marker=marker, color=plotting.PALETTE[name], label=label)
        xs, ys = zip(*sorted(dict(roof).items()), strict=True)
        ax.plot(xs, ys, "--", color=plotting.PALETTE["grey"], label="6 N² D products alone")
        ax.set(xscale="log", yscale="log", ylabel="seconds, forward + backward")
        ax.set_title({"clip": "Softmax", "siglip": "Sigmoid"}[kind])
        ax.set_xticks(xs, [f"{x:,}" for x in xs])
        ax.minorticks_off()
    axes[1].set_xlabel("batch size N")
    axes[0].legend(fontsize=10)
    return figure


def _tokens(newest: dict):
    """Speed-up against the share of patches kept, with the ideal by FLOPs."""
    from .. import plotting

    figure, ax = plotting.figure()
    for suite, marker in (("patch_dropout", "o"), ("patch_dropout_large", "s")):
        for label, name in (("ours", "blue"), ("open_clip", "black")):
            rows = [r for r in newest.get(suite, []) if r["name"].startswith(label)]
            if not rows:
                continue
            kept = [100, *(100 - int(re.search(r"(\d+)%", r["name"])[1]) for r in rows)]
            tokens = re.search(r"(\d+) tokens", rows[0]["name"])[1]
            line = dict(marker=marker, color=plotting.PALETTE[name], linestyle="-" if suite == "patch_dropout" else ":")
            ax.plot(kept, [1.0, *(r["value"] for r in rows)], label=f"{label}, {tokens} tokens", **line)
            if label == "ours" and suite == "patch_dropout":
                ideal = [1.0, *(float(re.search(r"ideal ([\d.]+)", r["note"])[1]) for r in rows)]
                ax.plot(kept, ideal, "--", color=plotting.PALETTE["grey"], label=f"ideal by FLOPs, {tokens} tokens")
    ax.set(xlabel="patches kept, %", ylabel="times as fast as with all patches")
    ax.invert_xaxis()
    ax.legend(fontsize=10)
    return figure


def _steps(newest: dict):
    """Images a second of a whole training step."""
    from .. import plotting

    figure, ax = plotting.figure(6.4, 3.2)
    seconds = {}
    for r in newest["steps"]:
        seconds[r["baseline"]] = r["baseline_seconds"]
        seconds[r["name"].removesuffix(" to bfloat16")] = r["seconds"]
    from .suites.steps import BATCH

    names = sorted(seconds, key=lambda name: -seconds[name])
    colours = [plotting.PALETTE["blue" if n.startswith("ours") else "black"] for n in names]
    ax.barh(names, [BATCH / seconds[n] for n in names], color=colours)
    ax.set(xlabel="images a second, higher is better")
    return figure


def stamp(runs: list[dict]) -> str:
    """sha256 of what the page was written from."""
    return hashlib.sha256(repr(runs).encode()).hexdigest() + "\n"


def write(root: Path | None = None) -> list[Path]:
    """Write tables and figures from the kept runs; the files written."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    where = (root or paths.root()) / history.FOLDER
    runs, files = history.load(where / "history.json"), []
    texts = {"figures.txt": shown, "tables.txt": tables, "slower.txt": slower, "stamp.txt": stamp}
    for name, make in texts.items():
        text = make(runs)
        atomic.write_text(where / name, text)
        files.append(where / name)
    for name, figure in figures(runs).items():
        figure.savefig(where / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
        files.append(where / f"{name}.svg")
    return files


if __name__ == "__main__":
    for path in write():
        print(path.relative_to(paths.root()))
