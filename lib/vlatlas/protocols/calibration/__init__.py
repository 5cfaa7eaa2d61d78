"""How hard each frozen split is: one figure that is neither at the floor nor at the ceiling, measured once.

    python -m vlatlas.protocols.calibration [SPLIT ...]

The figure is scenes-clip's zero-shot accuracy where that model applies, else that of a plain linear probe or of a rule that
ignores the input's content. The file it writes, `book/reference/world/calibration.json`, is checked by a test; the table in
the book is made from it.
"""

from .figure import Figure
from .measure import FILE, MEASURES, measure

__all__ = ["FILE", "MEASURES", "Figure", "measure"]
