"""From a run on this machine to a record in the repository: `vlatlas keep`."""

from pathlib import Path

from . import atomic
from .catalogue import Paper
from .digests import stale
from .errors import RunError
from .records import Record, RecordError
from .runner import RECORD, file_digest
from .workspace import Workspace


def keep(paper: Paper, profile: str, folder: Path | None = None) -> list[Path]:
    """Copy a finished run's record and figures to `records/<profile>.*`. Returns the files written.

    `folder` names a run brought from another machine (record.json and its figures); by default it is the
    last run here.

    Raises:
        RunError: there is no such run, or it is a smoke run, stale, damaged, changed by hand, or made with
        `-p`.
    """
    if profile == "smoke":
        raise RunError("a smoke run is no result and is not kept; use --profile cpu, gpu or full")
    if paper.data is None:
        raise RunError(f"{paper.slug}: its page is not valid; see: vlatlas check")
    again = f"vlatlas reproduce {paper.slug} --profile {profile}"
    folder = Path(folder) if folder else Workspace(paper.root).link(profile, paper.slug)
    try:
        record = Record.read(folder / RECORD)
    except FileNotFoundError:
        raise RunError(f"{paper.slug} has no finished {profile} run to keep; run: {again}") from None
    except RecordError as error:
        raise RunError(str(error)) from None
    if (record.slug, record.profile) != (paper.slug, profile):
        raise RunError(f"{folder} holds a {record.profile} run of {record.slug}, not a {profile} run of {paper.slug}")
    if not record.sealed:
        raise RunError(f"{folder / RECORD} was changed after the run; run: {again} --force")
    changed = stale(record, paper.notebook)
    if changed:
        raise RunError(f"{paper.slug}: {' and '.join(changed)} changed since that run; run: {again}")
    own = record.own_parameters
    if own:
        raise RunError(f"that run was made with -p {', '.join(own)}, so it is not the paper's own; run: {again}")
    return _copy(paper, record.rejudged(paper.data["claims"], paper.data["controls"]), folder)


def _copy(paper: Paper, record: Record, folder: Path) -> list[Path]:
    target = paper.folder / "records" / f"{record.profile}.json"
    kept = Record(record.data, target)
    atomic.sweep(target.parent)
    written = []
    for name, expected in record["figures"].items():
        source = folder / name
        if not source.is_file() or file_digest(source) != expected:
            raise RunError(f"{source} is not the figure that the run drew; run the paper again with --force")
        path = target.parent / kept.figure_file(name)
        atomic.write_bytes(path, source.read_bytes())
        written.append(path)
    kept.write(target)
    return [target, *written]


def rejudge(paper: Paper, profile: str) -> list[Path]:
    """Judge a committed record's measurements under the page's present claims. Returns the file written.

    Raises:
        RunError: there is no such record, or it was changed by hand.
    """
    if profile not in paper.records:
        raise RunError(f"{paper.slug} has no committed {profile} record")
    record = paper.records[profile]
    if not record.sealed:
        raise RunError(f"{record.path} was changed by hand; run the paper again and keep that run")
    atomic.sweep(record.path.parent)
    paper.judged(record).write(record.path)
    return [record.path]
