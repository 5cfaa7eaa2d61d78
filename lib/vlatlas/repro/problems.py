"""Something wrong in a file: where it is, what it is, and how to mend it."""

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One finding. `file` is relative to the checkout; `line` counts from 1, 0 if the whole file is meant."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}; {self.remedy}" if self.remedy else f"{place}: {self.message}"

    def as_dict(self) -> dict:
        return asdict(self)


def near(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` of the known words that a mistyped one may have meant, best first."""
    plain = {name.lower(): name for name in sorted(set(known))}
    word = word.lower()
    close = difflib.get_close_matches(word, plain, n=count, cutoff=0.6)
    starts = [name for name in plain if len(word) >= 3 and name.startswith(word)]
    return [plain[name] for name in dict.fromkeys(close + starts)][:count]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "did you mean a, b or c?", or an empty string."""
    found = near(word, known)
    if not found:
        return ""
    return "did you mean " + (" or ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]) + "?"
