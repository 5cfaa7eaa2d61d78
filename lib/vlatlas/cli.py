"""The `vlatlas` command. Every import that costs time happens inside the command that needs it.

Exit status: 0 done, 1 a run failed or (--strict) a verdict fell short or a check found something, 2 bad
usage, 128 + n stopped by signal n.
"""

import argparse
import os
import sys

PROG = "vlatlas"
EPILOG = """examples:
  vlatlas list --family training        which papers there are, and how they came out
  vlatlas show flip                     one paper: facts, claims, records
  vlatlas reproduce flip                run its notebook and judge its claims (minutes)
  vlatlas reproduce flip --profile smoke   only prove that it runs (seconds)
  vlatlas check                         validate bibliography, pages, notebooks, records

exit status: 0 done; 1 a run failed, or a check found something; 2 bad usage
"""
REPRODUCE = """Run the notebook of one or more papers in a fresh kernel and judge the paper's claims on what
it measured. A run whose notebook, parameters, library, data and environment are unchanged is reused."""
REPRODUCE_EPILOG = """examples:
  vlatlas reproduce flip
  vlatlas reproduce flip clip --seeds 0,1,2,3,4
  vlatlas reproduce --all --profile smoke --jobs 2
  vlatlas reproduce flip -p epochs=4 -p "ratios=[0, 0.5]"

results: _build/runs/<profile>/<paper>/  (executed notebook, record.json, figure, log)
"""


class Parser(argparse.ArgumentParser):
    """argparse whose complaint is one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def build_parser() -> Parser:
    """The command line, all of it."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(PROG, description="Papers, notebooks, runs and verdicts of the atlas.", epilog=EPILOG,
                    formatter_class=raw)  # fmt: skip
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str, **kwargs) -> Parser:
        about = kwargs.pop("about", text)
        return commands.add_parser(name, help=text, description=about, formatter_class=raw, allow_abbrev=False, **kwargs)

    p = add("list", "list the papers")
    p.add_argument("--family", metavar="F", help="only this family (training, detection, ...)")
    p.add_argument("--status", metavar="S", help="only planned, notes or notebook")
    p.add_argument("--verdict", metavar="V", help="only reproduced, 'partly reproduced', 'not reproduced' or none")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")

    p = add("show", "show one paper: facts, claims, records")
    p.add_argument("slug", metavar="PAPER")
    p.add_argument("--json", action="store_true", help="print JSON")

    p = add("reproduce", "run papers and judge their claims", about=REPRODUCE, epilog=REPRODUCE_EPILOG)
    p.add_argument("slugs", nargs="*", metavar="PAPER", help="names of papers, like flip")
    p.add_argument("--all", action="store_true", help="every paper that has a notebook")
    p.add_argument("--family", metavar="F", help="every paper of a family that has a notebook")
    p.add_argument("--profile", default="cpu", metavar="P",
                   help="smoke (seconds), cpu (minutes, the default), gpu (up to an hour), full")  # fmt: skip
    p.add_argument("--seeds", metavar="N,N,...", help="default 0,1,2 (smoke: 0)")
    p.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu, cuda, cuda:N or mps")
    p.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE",
                   help="set a parameter of the notebook; may be repeated")  # fmt: skip
    p.add_argument("--timeout", type=float, metavar="SECONDS", help="time limit of a run (default by profile)")
    p.add_argument("--force", action="store_true", help="run even if nothing has changed")
    p.add_argument("--strict", action="store_true", help="exit 1 unless every testable claim is reproduced")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="so many papers at a time")
    p.add_argument("--executor", default="local", metavar="E", help="local (default), dask or dask=ADDRESS")

    p = add("verify", "run a paper again and compare with its record")
    p.add_argument("slug", metavar="PAPER")
    p.add_argument("--profile", default="cpu", metavar="P")

    p = add("keep", "copy a finished run into the paper's folder as its committed record")
    p.add_argument("slug", metavar="PAPER")
    p.add_argument("--profile", default="cpu", metavar="P")
    p.add_argument("--from", dest="folder", metavar="FOLDER", help="a run brought from another machine")
    p.add_argument("--rejudge", action="store_true",
                   help="judge the committed record anew, after the page's claims were edited")  # fmt: skip

    p = add("compare", "papers of one protocol side by side")
    p.add_argument("protocol", metavar="PROTOCOL", help="adaptation, pretraining, dense, ...")
    p.add_argument("--profile", metavar="P", help="default: the one with most records")
    p.add_argument("--format", default="table", metavar="table|csv|json")

    p = add("new", "start the page and notebook of a paper that papers.bib knows")
    p.add_argument("slug", metavar="PAPER")

    p = add("check", "validate bibliography, pages, notebooks, records and table of contents")
    p.add_argument("--online", action="store_true", help="also ask arXiv and follow links (needs a network)")
    p.add_argument("--json", action="store_true", help="print JSON")

    add("toc", "write _toc.yml anew from the folders")
    add("doctor", "versions, device, space, what is missing and how to mend it")
    return parser


def _version() -> str:
    from . import __version__

    return f"{PROG} {__version__}"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    from .paths import NotACheckout
    from .repro import commands
    from .repro.errors import RunError, UsageError

    try:
        return getattr(commands, f"run_{options.command}")(options)
    except (UsageError, NotACheckout) as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROG}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output has gone
        return 141
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        reason = f"cannot read or write{where}: {error.strerror or error}"
        print(f"{PROG}: {reason}; free space or give access, then run again", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
