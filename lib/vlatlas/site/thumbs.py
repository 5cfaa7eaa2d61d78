"""Small pictures of the reproduced figures, for the catalogue."""

import os
from pathlib import Path

from .claims import shown_records
from .state import atlas

SIZE = (160, 100)


def write(app, exception) -> None:
    """Write data/thumbs/<slug>.png for every paper with a shown record, after an HTML build that succeeded."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "data" / "thumbs"
    folder.mkdir(parents=True, exist_ok=True)
    for paper in atlas(app).papers.values():
        pictures = [p for r in shown_records(paper).values() for p in r.figures().values() if p.suffix == ".png"]
        target = folder / f"{paper.slug}.png"
        if pictures and not made_of(target, pictures[0]):
            from PIL import Image

            with Image.open(pictures[0]) as picture:
                small = picture.convert("RGB")
                small.thumbnail(SIZE)
                sheet = Image.new("RGB", SIZE, "white")
                sheet.paste(small, ((SIZE[0] - small.width) // 2, (SIZE[1] - small.height) // 2))
                sheet.quantize(64).save(target, optimize=True)
            when = pictures[0].stat().st_mtime_ns
            os.utime(target, ns=(when, when))


def made_of(thumb: Path, figure: Path) -> bool:
    """Whether a thumbnail was made of this figure as it is now: it carries the figure's time."""
    return thumb.is_file() and thumb.stat().st_mtime_ns == figure.stat().st_mtime_ns
