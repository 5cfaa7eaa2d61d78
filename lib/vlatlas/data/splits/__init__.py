"""Training and test data that a family of papers shares: one module each, one frozen configuration,
one digest.

A split's `digest()` covers the data that it serves; `FROZEN` is what it was when the protocol was
calibrated. Numbers from two splits, or from two digests of one, do not belong in one table.
"""

import pkgutil

NAMES = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))
