"""Where things are: the checkout, its book, its build folder."""

import os
from pathlib import Path

MARKS = ("_config.yml", "papers.bib")  # both stand in the root of a checkout, and nowhere else


class NotACheckout(RuntimeError):
    """No checkout of the atlas was found."""


def root() -> Path:
    """The checkout: `VLATLAS_ROOT` if set, else the first folder with `papers.bib` and `_config.yml` above
    the current folder, else above this file.

    Raises:
        NotACheckout: none of these holds the atlas.
    """
    given = os.environ.get("VLATLAS_ROOT")
    if given:
        path = Path(given).expanduser().resolve()
        if not (path / "papers.bib").is_file():
            raise NotACheckout(f"VLATLAS_ROOT={given} holds no papers.bib; unset it, or point it at a checkout")
        return path
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if all((folder / mark).is_file() for mark in MARKS):
                return folder
    raise NotACheckout(
        f"no checkout of the atlas in {Path.cwd()} or above (looked for {' and '.join(MARKS)}); "
        "change into it, or set VLATLAS_ROOT"
    )


def relative(path: Path, base: Path) -> str:
    """`path` as text, relative to `base` where it lies below it."""
    path = Path(path)
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
