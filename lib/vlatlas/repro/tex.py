r"""The little TeX that a bibliography holds, as Unicode text: accents, braces, dashes, escaped signs.

The result is plain text. Whoever shows it escapes it for the place it is shown in.
"""

import re
import unicodedata

ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
           ".": "\u0307",
           "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a",
           "d": "\u0323",
           "b": "\u0331"}  # fmt: skip
LETTERS = {"ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł",
           "aa": "å",
           "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "alpha": "α",
           "beta": "β",
           "textendash": "–", "textemdash": "—", "LaTeX": "LaTeX", "TeX": "TeX", "times": "×"}  # fmt: skip
ACCENTED = re.compile(r"\\(?:(['`^\"~=.])\s*|([uvHckrdb])(?:\s+|(?=\{)))(?:\{\s*(\\?[A-Za-z])\s*\}|(\\?[A-Za-z]))")
COMMAND = re.compile(r"\\([A-Za-z]+)\s*(?:\{\})?")


def to_text(value: str) -> str:
    """`value` with its TeX replaced: accents composed, braces dropped, `--` as a dash, `~` as a space."""
    value = ACCENTED.sub(_accent, value)
    value = COMMAND.sub(lambda m: LETTERS.get(m[1], m[0]), value)
    value = re.sub(r"\\([&%$#_{}])", lambda m: f"\0{ord(m[1])}\0", value)
    value = value.replace("---", "—").replace("--", "–").replace("~", "\u00a0").replace("``", "“").replace("''", "”")
    value = re.sub(r"[{}]", "", value)
    value = re.sub(r"\0(\d+)\0", lambda m: chr(int(m[1])), value)
    return unicodedata.normalize("NFC", re.sub(r"[ \t\n]+", " ", value)).strip()


def _accent(match: re.Match) -> str:
    base = (match[3] or match[4]).lstrip("\\")
    return unicodedata.normalize("NFC", base + ACCENTS[match[1] or match[2]])


def split_names(value: str) -> list[str]:
    """The names of an author field: split at ` and ` outside braces."""
    names, depth, begin = [], 0, 0
    for match in re.finditer(r"\\.|[{}]|\s+and\s+", value):
        if match[0] in "{}":
            depth += 1 if match[0] == "{" else -1
        elif match[0][0] != "\\" and depth == 0:
            names.append(value[begin : match.start()])
            begin = match.end()
    return [n.strip() for n in [*names, value[begin:]] if n.strip()]
