"""What a user asks to run, checked before anything is touched."""

import re
from dataclasses import dataclass

from .catalogue import Catalogue, Paper
from .errors import UsageError
from .offered import profiles_of, refusal
from .problems import did_you_mean
from .sources import parameters_of, read_cells
from .vocabulary import PROFILES, RESERVED, SLUG

TIMEOUT_S = {"smoke": 300.0, "cpu": 1800.0, "gpu": 7200.0, "full": 86400.0}
DEVICE = r"auto|cpu|mps|cuda(:\d{1,3})?"


@dataclass
class Job:
    """One paper to run in one profile; `parameters` go into the notebook."""

    paper: Paper
    profile: str
    parameters: dict
    timeout: float
    force: bool = False

    @property
    def slug(self) -> str:
        return self.paper.slug


def check_slug(slug: str, catalogue: Catalogue) -> Paper:
    """The paper of a slug, which may be anything a user typed. Raises UsageError with near matches."""
    if not re.fullmatch(SLUG, slug):
        shown = ascii(slug) if len(slug) <= 60 else ascii(slug[:57] + "...")
        hint = did_you_mean(re.sub(r"[^a-z0-9.-]", "", slug.lower()), catalogue.papers)
        raise UsageError(f"{shown} is not a paper's name; {hint or 'names are like flip (see: vlatlas list)'}")
    try:
        return catalogue[slug]
    except KeyError as error:
        raise UsageError(str(error)) from None


def check_profile(profile: str) -> str:
    """A profile's name, or UsageError."""
    if profile not in PROFILES:
        guess = did_you_mean(profile, PROFILES)
        raise UsageError(f"no profile {_short(profile)}; {guess or 'use one of ' + ', '.join(PROFILES)}")
    return profile


def parse_seeds(text: str) -> list[int]:
    """ "0,1,2" as a list of distinct seeds. Raises UsageError."""
    if not re.fullmatch(r"\s*\d{1,9}(\s*,\s*\d{1,9})*\s*", text, re.ASCII):
        raise UsageError(f"seeds {_short(text)} are not whole numbers; write them like 0,1,2")
    seeds = [int(part) for part in text.split(",")]
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds {_short(text)} repeat one; each seed counts once")
    return seeds


def parse_assignment(text: str) -> tuple[str, object]:
    """`NAME=VALUE`, the value a YAML scalar or flat list. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        raise UsageError(f"-p {_short(text)} is not of the form NAME=VALUE")
    if name in RESERVED:
        raise UsageError(f"-p {name}=...: use --{name}")
    import yaml

    try:
        parsed = yaml.safe_load(value) if len(value) < 10_000 else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        parsed = {}
    plain = (str, int, float, bool, type(None))
    if not (isinstance(parsed, plain) or (isinstance(parsed, list) and all(isinstance(v, plain) for v in parsed))):
        raise UsageError(f"-p {name}: {_short(value)} is neither a plain value nor a list of plain values")
    return name, parsed


def plan(
    paper: Paper,
    profile: str = "cpu",
    seeds: list[int] | None = None,
    device: str = "auto",
    parameters: dict | None = None,
    timeout: float | None = None,
    force: bool = False,
) -> Job:
    """Check a request against the paper's notebook. Raises UsageError."""
    check_profile(profile)
    if paper.status != "notebook":
        what = "has notes but no notebook yet" if paper.status == "notes" else "is planned, without page or notebook yet"
        raise UsageError(f"{paper.slug} {what}; `vlatlas list --status notebook` shows what can be run")
    if not re.fullmatch(DEVICE, device, re.ASCII):
        raise UsageError(f"no device {_short(device)}; use auto, cpu, cuda, cuda:N or mps")
    seeds = list(seeds) if seeds is not None else [0] if profile == "smoke" else [0, 1, 2]
    if not seeds:
        raise UsageError("no seeds are given; write them like 0,1,2")
    if timeout is not None and not 0 < timeout < 1e7:
        raise UsageError(f"a time limit of {timeout} s makes no sense; give seconds, more than 0")
    cells = read_cells(paper.notebook)
    offered = profiles_of(cells)
    if offered is not None and profile not in offered:
        raise UsageError(refusal(paper.slug, profile, offered))
    known = parameters_of(cells) or {}
    for name in parameters or {}:
        if name not in known:
            own = [k for k in known if k not in RESERVED]
            guess = did_you_mean(name, own) or (f"it has {', '.join(own)}" if own else "it has none of its own")
            raise UsageError(f"{paper.slug}'s notebook has no parameter {name!r}; {guess}")
    values = {"profile": profile, "seeds": seeds, "device": device, **(parameters or {})}
    return Job(paper, profile, values, timeout or TIMEOUT_S[profile], force)


def _short(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")
