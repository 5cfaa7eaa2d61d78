"""What a paper's claims do when its own idea is taken away.

A mutation replaces objects of the library while the paper's own notebook runs, in the profile of the committed record and
on its seeds, as many of them as it takes for the intact numbers to uphold the claims.
`tests/science/mutations/<slug>.py` declares it, `tests/science/run.py` runs it, and what the broken run measured is kept as
a sealed record in `tests/science/outcomes/`. That record is judged under the page's claims of today whenever it is
read, so an edited claim needs no new run; an edited notebook, mutation or mutated object does.
"""

import ast
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Paper
from .claims import judge, paper_verdict
from .digests import digest
from .records import Record, seal, summarise
from .sources import Sources, read_cells, source_of
from .vocabulary import DIRECTION, NOT_REPRODUCED, REPRODUCED

FOLDER, PROFILE = "tests/science", "cpu"
RANK = {REPRODUCED: 2, DIRECTION: 1, NOT_REPRODUCED: 0}
NAME = r"[a-z][a-z0-9-]*"


class MutationError(ValueError):
    """A declaration or outcome that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Mutation:
    """One way to take a paper's idea away: `replaces` maps objects of the library to functions of the file that make
    their replacements."""

    paper: Paper
    name: str
    says: str
    replaces: dict[str, str]
    file: Path

    @property
    def outcome(self) -> Path:
        """Where the broken run's record is kept."""
        return self.paper.root / FOLDER / "outcomes" / f"{self.paper.slug}.{self.name}.json"

    def digests(self, sources: Sources | None = None) -> dict[str, str]:
        """Of what the outcome depends on most closely: the notebook's code, the mutation, and each mutated object."""
        sources = sources or Sources()
        cells = read_cells(self.paper.notebook)
        code = [source_of(cell) for cell in cells if cell["cell_type"] == "code"]
        objects = {name: code_of(sources, name) for name in self.replaces}
        mutation = _bare(self.file.read_text(encoding="utf-8"))
        return {"notebook": digest(code), "mutation": digest([mutation, self.replaces]), "objects": digest(objects)}


def declared(paper: Paper) -> tuple[list[Mutation], dict[str, str]]:
    """A paper's mutations, and its claims that rest on something else (id -> why). Read, not run.

    Raises:
        MutationError: no declaration, or one that is not plain data of the right shape.
    """
    file = paper.root / FOLDER / "mutations" / f"{paper.slug}.py"
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"no mutation takes away what {paper.slug} is about; write {FOLDER}/mutations/{file.name}"
        raise MutationError(message) from None
    except (SyntaxError, ValueError) as error:
        raise MutationError(f"{file.name} is not Python ({error}); correct it") from None
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                continue  # some other constant of the module
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    given, independent = found.get("MUTATIONS"), found.get("INDEPENDENT", {})
    if not isinstance(given, dict) or not given or not isinstance(independent, dict):
        raise MutationError(f"{file.name} must set MUTATIONS (and may set INDEPENDENT) to a literal dict; correct it")
    mutations = []
    for name, entry in given.items():
        replaces = entry.get("replaces") if isinstance(entry, dict) else None
        if not re.fullmatch(NAME, name) or not isinstance(replaces, dict) or not replaces or not entry.get("says"):
            raise MutationError(f"{file.name}: {name!r} needs 'says' and 'replaces'; correct it")
        if missing := sorted(set(replaces.values()) - functions):
            raise MutationError(f"{file.name}: {name!r} names {', '.join(missing)}, which it does not define; correct it")
        mutations.append(Mutation(paper, name, entry["says"], replaces, file))
    return mutations, independent


def code_of(sources: Sources, dotted: str) -> str:
    """The code of `vlatlas.module.Class.method`, without docstring, comments and blank lines.

    Raises:
        MutationError: there is no such function or class.
    """
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        if sources.file(".".join(parts[:cut])) is not None:
            break
    else:
        raise MutationError(f"{dotted} is not of the library; name an object of it")
    text = sources.text(".".join(parts[:cut])).decode()
    scope, node = ast.parse(text), None
    for name in parts[cut:]:
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next((n for n in scope.body if isinstance(n, kinds) and n.name == name), None)
        if node is None:
            raise MutationError(f"{dotted}: {'.'.join(parts[:cut])} defines no {name}; name where it is defined")
        scope = node
    return _bare(inspect.cleandoc("\n" + "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])))


def _bare(source: str) -> str:
    """Code lines alone, so that an edit to prose does not ask for a run of minutes."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            for i in range(body[0].lineno - 1, body[0].end_lineno):
                lines[i] = ""
    return "\n".join(x.rstrip() for x in lines if x.strip() and not x.lstrip().startswith("#"))


def keep(mutation: Mutation, record: Record, elapsed: float) -> Path:
    """Seal a broken run's record with what it depends on, and write it as the mutation's outcome."""
    found = {"name": mutation.name, "says": mutation.says, "digests": mutation.digests()}
    provenance = record["provenance"] | {"mutation": found}
    provenance["digests"] = {k: v for k, v in record.digests.items() if k != "record"}
    data = record.data | {"figures": {}, "elapsed_s": round(elapsed, 2), "provenance": provenance}
    provenance["digests"]["record"] = seal(data)
    Record(data).write(mutation.outcome)
    return mutation.outcome


def read_outcome(mutation: Mutation, sources: Sources | None = None) -> Record:
    """The outcome of a mutation, judged as the page judges today.

    Raises:
        MutationError: it is missing, changed by hand, of other seeds than the record's, or stale. RecordError: damaged.
    """
    again = f"run: python {FOLDER}/run.py {mutation.paper.slug}"
    if not mutation.outcome.is_file():
        raise MutationError(f"the mutation {mutation.name!r} of {mutation.paper.slug} was never run; {again}")
    record = Record.read(mutation.outcome)
    kept = record["provenance"].get("mutation") or {}
    if not record.sealed or kept.get("name") != mutation.name:
        raise MutationError(f"{mutation.outcome.name} was changed by hand; {again}")
    now = mutation.digests(sources)
    stale = [part for part, value in now.items() if (kept.get("digests") or {}).get(part) != value]
    if stale:
        raise MutationError(f"{mutation.outcome.name} is stale: {' and '.join(stale)} changed; {again}")
    if not set(record.seeds) <= set(mutation.paper.records[PROFILE].seeds):
        raise MutationError(f"{mutation.outcome.name} has seeds that the committed record has not; {again}")
    return judged_on(mutation.paper, record, record.seeds)


def judged_on(paper: Paper, record: Record, seeds: list[int]) -> Record:
    """A record under the page's present claims, on some of its seeds, as if no claim asked for more of them."""
    places = [record.seeds.index(seed) for seed in seeds]
    data = dict(record.data) | {"seeds": seeds, "metrics": {}}
    for name, values in record.metrics.items():
        data["metrics"][name] = summarise(values if len(values) == 1 else [values[k] for k in places])
    claims = [claim | {"seeds": min(claim["seeds"], len(seeds))} for claim in paper.data["claims"]]
    data["claims"], data["controls"] = judge(claims, paper.data["controls"], data)
    data["verdict"] = paper_verdict(data["claims"])
    return Record(data, record.path)


def seeds_needed(paper: Paper) -> list[int]:
    """The fewest first seeds of the committed record on which every claim that it calls reproduced still is."""
    record = paper.judged(paper.records[PROFILE])
    wanted = {c["id"] for c in record.claims if c["verdict"] == REPRODUCED}
    for count in range(1, len(record.seeds)):
        found = judged_on(paper, record, record.seeds[:count])
        if wanted <= {c["id"] for c in found.claims if c["verdict"] == REPRODUCED}:
            return record.seeds[:count]
    return record.seeds


def surviving(paper: Paper, broken: list[Record], independent: dict[str, str]) -> list[str]:
    """What is wrong with a paper's verdict in the light of its broken runs, in words; empty if all is caught.

    Every claim that the record calls reproduced must be lost in some broken run, held against the intact numbers of the
    same seeds, unless it is declared to rest on something else; and something must be lost.
    """
    record = paper.judged(paper.records[PROFILE])
    held = {c["id"]: c["verdict"] for c in record.claims if RANK.get(c["verdict"], 0) > 0}
    pairs = [(judged_on(paper, record, outcome.seeds), outcome) for outcome in broken]
    lost = {id_ for id_, verdict in held.items() if any(_loses(id_, verdict, *pair) for pair in pairs)}
    claimed = {c["id"] for c in record.claims}
    problems = [f"INDEPENDENT names {id_!r}, which the page does not claim" for id_ in independent if id_ not in claimed]
    for id_, verdict in held.items():
        if verdict == REPRODUCED and id_ not in lost and id_ not in independent:
            problems.append(f"the claim {id_!r} is reproduced even without the idea")
    if held and not lost:
        problems.append("no claim is lost with the idea, so its verdict says nothing about it")
    return problems


def _loses(id_: str, verdict: str, intact: Record, broken: Record) -> bool:
    """The intact numbers uphold the claim's verdict on these seeds, and the broken ones do not."""
    return _rank(intact, id_) >= RANK[verdict] > _rank(broken, id_)


def _rank(record: Record, id_: str) -> int:
    """A claim's rank in a broken run; one that could not be judged there counts as not lost."""
    verdict = next((c["verdict"] for c in record.claims if c["id"] == id_), None)
    return RANK.get(verdict, max(RANK.values()))
