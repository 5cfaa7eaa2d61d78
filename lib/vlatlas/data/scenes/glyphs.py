"""A 3 by 5 dot font for words painted into images."""

import numpy as np

HEIGHT = 7  # five dots and a margin of one on each side
FONT = {  # rows from the top, three dots each, as octal digits
    "a": "25755", "b": "65656", "c": "34443", "d": "65556", "e": "74647", "f": "74644", "g": "34553",
    "h": "55755", "i": "72227", "j": "11152", "k": "55655", "l": "44447", "m": "57755", "n": "65555",
    "o": "25552", "p": "65644", "q": "25563", "r": "65655", "s": "34216", "t": "72222", "u": "55557",
    "v": "55552", "w": "55775", "x": "55255", "y": "55222", "z": "71247", " ": "00000", "-": "00700",
    "0": "25552", "1": "26227", "2": "61247", "3": "61616", "4": "55711", "5": "74616", "6": "34652",
    "7": "71244", "8": "25252", "9": "25316",
}  # fmt: skip


def stamp(word: str) -> np.ndarray:
    """(7, 4 n + 1) bool: the dots of a word with a margin. Raises ValueError for a character not in the
    font."""
    missing = sorted(set(word.lower()) - set(FONT))
    if missing or not word:
        raise ValueError(f"cannot paint {word!r}: the font has a-z, 0-9, blank and hyphen, not {missing}")
    out = np.zeros((HEIGHT, 4 * len(word) + 1), bool)
    for k, letter in enumerate(word.lower()):
        rows = [[bool(int(d) & bit) for bit in (4, 2, 1)] for d in FONT[letter]]
        out[1:6, 4 * k + 1 : 4 * k + 4] = rows
    return out
