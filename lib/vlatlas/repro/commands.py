"""What each command of the CLI does: one function a command, from parsed options to an exit status."""

import contextlib
import json
import sys
from argparse import Namespace
from pathlib import Path

from . import catalogue
from .catalogue import Catalogue, Paper
from .errors import UsageError
from .jobs import check_profile, check_slug, parse_assignment, parse_seeds, plan
from .problems import did_you_mean
from .vocabulary import FAMILIES, PAPER_VERDICTS, REPRODUCED, STATUSES


def _say(text: str) -> None:
    print(text, flush=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"no {name} {ascii(value[:60])}; {did_you_mean(value, known) or 'use ' + ', '.join(known)}")


def run_list(options: Namespace) -> int:
    """`vlatlas list`"""
    from .listing import list_papers

    _one_of("family", options.family, FAMILIES)
    _one_of("status", options.status, STATUSES)
    _one_of("verdict", options.verdict, (*PAPER_VERDICTS, "none"))
    papers = [
        paper
        for paper in catalogue.load().papers.values()
        if options.family in (None, paper.family)
        and options.status in (None, paper.status)
        and (options.verdict is None or options.verdict == (paper.verdict or "none"))
    ]
    _say(list_papers(papers, options.json))
    return 0


def run_show(options: Namespace) -> int:
    """`vlatlas show`"""
    from . import listing

    paper = check_slug(options.slug, catalogue.load())
    _say(json.dumps(listing.entry(paper), indent=2, ensure_ascii=False) if options.json else listing.show(paper))
    return 0


def _chosen(options: Namespace, found: Catalogue) -> tuple[Paper, ...]:
    """The papers that a reproduce command names, each once."""
    wholesale = options.all or options.family is not None
    if wholesale and options.slugs:
        raise UsageError("name papers, or give --all or --family, not both")
    if not wholesale:
        if not options.slugs:
            raise UsageError("which paper? Name one (see: vlatlas list), or give --all or --family")
        return tuple(dict.fromkeys(check_slug(slug, found) for slug in options.slugs))
    _one_of("family", options.family, FAMILIES)
    papers = (p for p in found.papers.values() if options.family in (None, p.family))
    chosen = tuple(p for p in papers if p.status == "notebook")
    if not chosen:
        raise UsageError("no paper there has a notebook yet; see: vlatlas list --status notebook")
    return chosen


def run_reproduce(options: Namespace) -> int:
    """`vlatlas reproduce`"""
    check_profile(options.profile)
    seeds = parse_seeds(options.seeds) if options.seeds is not None else None
    parameters = dict(parse_assignment(text) for text in options.parameters)
    kind, _, address = options.executor.partition("=")
    if kind not in ("local", "dask") or (kind == "local" and "=" in options.executor):
        raise UsageError(f"no executor {ascii(options.executor[:60])}; use local, dask or dask=ADDRESS")
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs} makes no sense; give 1 or more")
    papers = _chosen(options, catalogue.load())
    jobs = [plan(p, options.profile, seeds, options.device, parameters, options.timeout, options.force) for p in papers]
    if kind == "local" and (options.jobs == 1 or len(jobs) == 1):
        return _one_by_one(jobs, options.strict)
    return _many(papers, options, kind, address)


def _one_by_one(jobs, strict: bool) -> int:
    from .nursling import kernels_from_a_nursery

    # a single run starts its own, once it is clear that there is something to run
    several = kernels_from_a_nursery([job.paper.notebook for job in jobs]) if len(jobs) > 1 else contextlib.nullcontext()
    with several:
        return _in_turn(jobs, strict)


def _in_turn(jobs, strict: bool) -> int:
    from .runner import run_job
    from .summary import describe, reused

    statuses = []
    for job in jobs:
        result = run_job(job, _note)
        root = job.paper.root
        if result.status == "reused":
            _say(describe(result, root))
            _say(reused(result, root))
        elif result.failure is not None:
            _note(describe(result, root))
        else:
            if result.changed:
                _say(f"{job.slug}: run anew, because {' and '.join(result.changed)} changed")
            _say(describe(result, root))
        status = result.exit_status
        if result.status == "interrupted":
            return status
        if status == 0 and strict and result.record.verdict not in (REPRODUCED, None):
            _note(f"{job.slug}: --strict: {result.record.verdict}")
            status = 1
        statuses.append(status)
        if len(jobs) > 1:
            _say("")
    return max(statuses)


def _many(papers: tuple[Paper, ...], options: Namespace, kind: str, address: str) -> int:
    from . import batch

    passed = ["--profile", options.profile, "--device", options.device]
    for name, value in (("--seeds", options.seeds), ("--timeout", options.timeout)):
        passed += [name, str(value)] if value is not None else []
    for text in options.parameters:
        passed += ["-p", text]
    passed += [flag for flag, on in (("--force", options.force), ("--strict", options.strict)) if on]
    slugs, root = [p.slug for p in papers], papers[0].root
    try:
        if kind == "dask":
            done = batch.run_dask(slugs, passed, options.jobs, address or None, root, _say)
        else:
            done = batch.run_local(slugs, passed, options.jobs, root, _say)
    except batch.Interrupted as error:
        _note(f"stopped by {error}; what had finished is published, the rest is as it was")
        return 128 + error.number
    failed = [slug for slug, status in done.items() if status != 0]
    _say(f"{len(done) - len(failed)} of {len(done)} done" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def run_verify(options: Namespace) -> int:
    """`vlatlas verify`"""
    from .shown import number
    from .summary import table
    from .verify import verify as again

    check_profile(options.profile)
    paper = check_slug(options.slug, catalogue.load())
    record, measured, differences, turned = again(paper, options.profile, _note)
    rows = [
        (d.metric, *("-" if v is None else number(v) for v in (d.recorded, d.measured)), f"{d.tolerance:.0%}",
         "agrees" if d.close else "DIFFERS")
        for d in differences
    ]  # fmt: skip
    _say(table(("metric", "recorded", "now", "tolerance", ""), rows))
    far = sum(not d.close for d in differences)
    verdicts = f"verdicts that turned: {', '.join(turned)}" if turned else "every verdict is the same"
    _say(f"\n{paper.slug} ({record.profile}): recorded {record.date}, {record.device}; now {measured.device}")
    _say(f"{len(differences) - far} of {len(differences)} values agree; {verdicts}")
    return 1 if far or turned else 0


def run_keep(options: Namespace) -> int:
    """`vlatlas keep`"""
    from ..paths import relative
    from . import keeping

    check_profile(options.profile)
    paper = check_slug(options.slug, catalogue.load())
    if options.rejudge:
        written = keeping.rejudge(paper, options.profile)
    else:
        written = keeping.keep(paper, options.profile, Path(options.folder) if options.folder else None)
    for path in written:
        _say(f"wrote {relative(path, paper.root)}")
    return 0


def run_compare(options: Namespace) -> int:
    """`vlatlas compare`"""
    from . import listing

    _one_of("format", options.format, ("table", "csv", "json"))
    if options.profile is not None:
        check_profile(options.profile)
    try:
        _say(listing.compare(catalogue.load(), options.protocol, options.profile, options.format))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return 0


def run_new(options: Namespace) -> int:
    """`vlatlas new`"""
    from ..paths import relative
    from . import scaffold, toc

    found = catalogue.load()
    paper = check_slug(options.slug, found)
    for path in scaffold.new(paper):
        _say(f"wrote {relative(path, found.root)}")
    if toc.write(catalogue.load(found.root)):
        _say("wrote _toc.yml")
    _say(f"next: fill in page and notebook, then run: vlatlas check && vlatlas reproduce {paper.slug}")
    return 0


def run_check(options: Namespace) -> int:
    """`vlatlas check`"""
    from . import check as checks

    problems = checks.run()
    if options.online:
        from .check import online

        problems += online.check(catalogue.load(), say=_note)
    if options.json:
        _say(json.dumps([p.as_dict() for p in problems], indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            _say(str(problem))
        _say(f"{len(problems)} problem{'s' * (len(problems) != 1)}" if problems else "no problem found")
    return 1 if problems else 0


def run_toc(options: Namespace) -> int:
    """`vlatlas toc`"""
    from . import toc as contents

    _say("wrote _toc.yml" if contents.write(catalogue.load()) else "_toc.yml is up to date")
    return 0


def run_doctor(options: Namespace) -> int:
    """`vlatlas doctor`"""
    from .doctor import examine, report

    findings = examine()
    _say(report(findings))
    return 1 if any(f.state == "bad" for f in findings) else 0
