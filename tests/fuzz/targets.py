"""What the fuzzers call: one function per door through which a stranger's bytes come in.

Each takes bytes and returns nothing. It lets through only the errors that the door promises; anything else is a finding.
An audit hook makes an attempt to start a process, to connect, to unpickle, or to write outside the sandbox a finding too,
whatever the reader does with the error. Used by `run.py` (coverage-guided) and `test_found.py` (in the suite).
"""

import json
import os
import sys
import tempfile
from pathlib import Path

FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pty.spawn", "pickle.find_class"),
    *("socket.connect", "socket.bind", "shutil.rmtree", "os.remove", "os.rename", "os.symlink"),
)
SANDBOX = Path(tempfile.gettempdir()) / f"vlatlas-fuzz-{os.getpid()}"


class Escape(BaseException):
    """A reader did something that reading does not need. Not an Exception, so that no reader can swallow it."""


class Watch:
    """Within `with WATCH`, forbidden events raise `Escape`, and are counted even if it is swallowed."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        bad = event.startswith(FORBIDDEN)
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path, mode, flags = arguments[0], arguments[1], arguments[2]
            writes = bool(mode and set(str(mode)) & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
            bad = writes and not os.path.realpath(os.fsdecode(path)).startswith(str(SANDBOX))
        if bad:
            self.seen.append((event, repr(arguments)[:200]))
            raise Escape(f"{event} {arguments!r}"[:300])

    def __enter__(self):
        self.on = True

    def __exit__(self, *exception):
        self.on = False
        if self.seen and not isinstance(exception[1], Escape):
            raise Escape(str(self.seen.pop()))
        self.seen.clear()


WATCH = Watch()


def _file(name: str, data: bytes) -> Path:
    SANDBOX.mkdir(exist_ok=True)
    path = SANDBOX / name
    path.write_bytes(data)
    return path


def expression(data: bytes) -> None:
    """A claim's check: a value, or one of three errors."""
    from vlatlas.repro.claims import evaluate
    from vlatlas.repro.expressions import ExpressionError, UnknownMetric

    text = data.decode("utf-8", "replace")
    with WATCH:
        try:
            value = evaluate(text, {"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 10.0], "c": [5.0]})
        except (ExpressionError, UnknownMetric, ArithmeticError):
            return
    assert isinstance(value, (float, bool))


def bibliography(data: bytes) -> None:
    """papers.bib: entries and faults; a link is http(s) without quotes or brackets, or no link."""
    from vlatlas.repro import bib
    from vlatlas.repro.tex import to_text

    with WATCH:
        entries, problems = bib.read(data.decode("utf-8", "replace"))
        for entry in entries.values():
            assert isinstance(entry.title, str) and all(isinstance(a, str) for a in entry.authors)
            assert entry.year is None or isinstance(entry.year, int)
            for link in (entry.url, entry.code):
                assert link is None or (link.startswith(("http://", "https://")) and not set(link) & set("<>\"'\\ \n"))
            to_text(entry.to_bibtex(own_fields=True))
    assert all(p.line >= 0 and p.message for p in problems)


def front_matter(data: bytes) -> None:
    """A page: valid plain data, or problems with remedies."""
    from vlatlas.repro.validate import read_front

    with WATCH:
        found, _, problems = read_front("---\n" + data.decode("utf-8", "replace") + "\n---\n", "f.md")
    assert found is not None or problems
    json.dumps(found)  # nothing but plain data came out


def record(data: bytes) -> None:
    """A record: read and sealed or not, or refused."""
    from vlatlas.repro.records import Record, RecordError

    path = _file("record.json", data)
    with WATCH:
        try:
            found = Record.read(path)
        except RecordError as error:
            assert "; " in str(error) or "delete it" in str(error)
            return
        assert isinstance(found.sealed, bool) and found.figures() == {}


def notebook(data: bytes) -> None:
    """A notebook: cells whose parameters and imports are read, never run."""
    from vlatlas.repro.errors import NotebookError
    from vlatlas.repro.sources import Sources, parameters_of, read_cells, source_of, tags_of

    path = _file("n.ipynb", data)
    with WATCH:
        try:
            cells = read_cells(path)
        except NotebookError:
            return
        parameters_of(cells)
        for cell in cells:
            Sources().named(source_of(cell))
            tags_of(cell)


def arguments(data: bytes) -> None:
    """What a user types after a command: a checked value, or UsageError."""
    from vlatlas.repro.catalogue import Catalogue
    from vlatlas.repro.errors import UsageError
    from vlatlas.repro.jobs import check_profile, check_slug, parse_assignment, parse_seeds

    text = data.decode("utf-8", "surrogateescape")
    nothing = Catalogue(SANDBOX, {}, {}, [])
    for read in (parse_seeds, parse_assignment, check_profile, lambda t: check_slug(t, nothing)):
        with WATCH:
            try:
                read(text)
            except UsageError as error:
                assert "\n" not in str(error)


def checkpoint(data: bytes) -> None:
    """A checkpoint: tensors and metadata, or ValueError. Nothing is unpickled."""
    from vlatlas.models.checkpoint import load_checkpoint, load_state

    path = _file("m.safetensors", data)
    with WATCH:
        for read in (load_state, load_checkpoint):
            try:
                read(path)
            except ValueError as error:
                assert "m.safetensors" in str(error)


def shard(data: bytes) -> None:
    """A webdataset shard: every sample accounted for."""
    from vlatlas.data.webdata import scan

    path = _file("000.tar", data)
    with WATCH:
        found = scan(str(path), text="json:n")
    assert found.shards == 1 and found.kept <= found.seen


TARGETS = (expression, bibliography, front_matter, record, notebook, arguments, checkpoint, shard)
