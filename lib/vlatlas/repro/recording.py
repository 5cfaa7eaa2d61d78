"""The notebook's side of a run: it hands over metrics and figures, and sees its claims judged."""

import html
import io
import json
import math
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .. import paths
from . import atomic
from .claims import judge, paper_verdict
from .records import summarise
from .shown import measured_text
from .vocabulary import METRIC, PROFILES

PACKAGES = ("vlatlas", "torch", "torchvision", "open_clip_torch", "numpy", "scikit-learn")
FIGURE_NAME = r"[a-z0-9][a-z0-9-]{0,40}"


def record(slug: str, metrics: dict, figure=None, parameters: dict | None = None) -> "Result":
    """Hand a run's results over, and show the verdicts.

    Under the runner this writes `metrics.json` and the figures (SVG and PNG) into the run's folder; in an
    open notebook it only judges and shows.

    Args:
        slug: the paper.
        metrics: name -> one number per seed (in the order of `seeds`), or one number that holds for all
        seeds. figure: a matplotlib figure, or a mapping of names to figures; the first is the paper's figure.
        parameters: what the run used; `profile` and `seeds` are expected among them.

    Raises:
        ValueError: a metric's name, length or value (NaN, infinity) is not fit to record, or the run is
        another's.
    """
    parameters = dict(parameters or {})
    folder = os.environ.get("VLATLAS_RUN_DIR")
    if folder:
        job = json.loads((Path(folder) / "job.json").read_text(encoding="utf-8"))
        if slug != job["slug"]:
            raise ValueError(f"record({slug!r}) in the notebook of {job['slug']!r}; use its own slug")
        for name in ("profile", "seeds"):
            if name in parameters and parameters[name] != job["parameters"][name]:
                raise ValueError(
                    f"the run was asked for {name} = {job['parameters'][name]!r}, the notebook recorded "
                    f"{parameters[name]!r}; "
                    f"the notebook must use its parameter {name!r}"
                )
        parameters = parameters | job["parameters"]
    seeds = list(parameters.get("seeds") or range(max(map(_length, metrics.values()), default=1)))
    profile = parameters.get("profile", "cpu")
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r} is unknown; use one of {', '.join(PROFILES)}")
    entries = {name: _entry(name, value, seeds) for name, value in metrics.items()}
    if folder:
        figures = _save_figures(Path(folder), figure)
        atomic.write_json(Path(folder) / "metrics.json", {"metrics": entries, "figures": figures, **facts(parameters)})
    claims, controls = _page(slug)
    judged, checked = judge(claims, controls, {"metrics": entries, "profile": profile, "seeds": seeds})
    return Result(slug, profile, judged, checked)


def facts(parameters: dict) -> dict:
    """What only the running process knows: device, versions, memory, and the library modules that were
    used."""
    used = sorted(name for name in sys.modules if name == "vlatlas" or name.startswith("vlatlas."))
    return {
        "parameters": json.loads(json.dumps(parameters, default=str)),
        "device": device_name(parameters.get("device", "auto")),
        "versions": versions(),
        "modules": used,
        "peak_memory_mb": peak_memory_mb(),
    }


def versions() -> dict[str, str]:
    """Python's version and those of the packages on which numbers depend."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name(device: str = "auto") -> str:
    """The device in words. Asks torch only if it is already loaded; then a GPU counts unless `device` is the
    CPU."""
    torch = sys.modules.get("torch")
    if torch is not None and str(device) != "cpu" and torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    threads = torch.get_num_threads() if torch is not None else os.cpu_count()
    return f"cpu ({_cpu_name()}, {threads} threads)"


def _cpu_name() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def peak_memory_mb() -> float:
    """The largest resident size of this process so far, in MB."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def _length(value) -> int:
    return len(value) if hasattr(value, "__len__") else 1


def _entry(name: str, value, seeds: list) -> dict:
    if not isinstance(name, str) or not re.fullmatch(METRIC, name):
        raise ValueError(f"{name!r} cannot name a metric; use letters, digits and '_', so that claims can name it")
    values = [float(v) for v in value] if hasattr(value, "__len__") or hasattr(value, "__iter__") else [float(value)]
    if len(values) not in (1, len(seeds)):
        raise ValueError(f"metric {name!r} has {len(values)} values for {len(seeds)} seeds; give one per seed, or one")
    for index, number in enumerate(values):
        if not math.isfinite(number):
            raise ValueError(f"metric {name!r} is {number} at position {index}; record a finite number, or leave it out")
    return summarise(values)


def _save_figures(folder: Path, figure) -> list[str]:
    figures = figure if isinstance(figure, dict) else {} if figure is None else {"figure": figure}
    names = []
    for index, (name, drawn) in enumerate(figures.items()):
        if not re.fullmatch(FIGURE_NAME, name):
            raise ValueError(f"{name!r} cannot name a figure; use a-z, 0-9 and '-'")
        stem = "figure" if index == 0 else f"figure-{name}"
        for suffix, options in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 150})):
            buffer = io.BytesIO()
            drawn.savefig(buffer, format=suffix, **options)
            atomic.write_bytes(folder / f"{stem}.{suffix}", buffer.getvalue())
            names.append(f"{stem}.{suffix}")
    return names


def _page(slug: str) -> tuple[list[dict], list[dict]]:
    from .validate import read_front

    try:
        root = paths.root()
    except paths.NotACheckout:
        return [], []
    page = root / "book" / "papers" / slug / "index.md"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", slug) or not page.is_file():
        raise ValueError(f"no page for {slug!r} in {root}; the first argument of record() is the paper's slug")
    data, _, problems = read_front(page.read_text(encoding="utf-8"), paths.relative(page, root))
    if data is None:
        raise ValueError("the page's front matter is not valid:\n" + "\n".join(map(str, problems)))
    return data["claims"], data["controls"]


@dataclass
class Result:
    """The judged claims, as a table in notebooks and as text elsewhere."""

    slug: str
    profile: str
    claims: list[dict]
    controls: list[dict]

    @property
    def verdict(self) -> str | None:
        return paper_verdict(self.claims)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(statement, paper's value, ours, verdict), claims first."""
        outcome = {True: "holds", False: "failed", None: "not judged"}
        rows = [(c["says"], c["paper"]["value"], measured_text(c), c["verdict"]) for c in self.claims]
        return rows + [(f"control: {c['says']}", "", measured_text(c), outcome[c["passed"]]) for c in self.controls]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{h}</th>" for h in ("claim", "paper", "ours", "verdict"))
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in self.rows())
        note = "<p>smoke run: proves that the notebook runs, judges nothing</p>" if self.profile == "smoke" else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def _repr_markdown_(self) -> str:
        rows = [("claim", "paper", "ours", "verdict"), ("---",) * 4, *self.rows()]
        return "\n".join("| " + " | ".join(re.sub(r"([|<\\])", r"\\\1", c) for c in row) + " |" for row in rows)

    def __str__(self) -> str:
        return "\n".join(f"{says}: {ours or '-'} (paper: {paper or '-'}): {v}" for says, paper, ours, v in self.rows())

    __repr__ = __str__
