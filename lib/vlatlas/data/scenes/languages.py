"""The captions in Chinese and in procedural languages with a lexicon, a word order and a script of their
own."""

import zlib
from dataclasses import dataclass

import numpy as np

from .rng import mix
from .statement import Statement, Thing
from .vocabulary import BACKGROUNDS, COLOURS, PLACES, POSES, RELATIONS, SHAPES, SIZES, STYLES, TEXTURES

CHINESE = {
    "circle": "圆形", "square": "正方形", "triangle": "三角形", "star": "星形",
    "cross": "十字形", "heart": "心形",
    "ring": "圆环", "crescent": "月牙形", "arrow": "箭头", "hourglass": "沙漏形",
    "drop": "水滴形", "diamond": "菱形",
    "house": "房子", "bolt": "闪电", "clover": "四叶草", "hexagon": "六边形",
    "red": "红色", "green": "绿色", "blue": "蓝色", "yellow": "黄色", "purple": "紫色", "cyan": "青色",
    "orange": "橙色", "pink": "粉色", "white": "白色", "black": "黑色", "brown": "棕色", "lime": "黄绿色",
    "plain": "纯色", "striped": "条纹", "dotted": "圆点", "checkered": "棋盘格",
    "ringed": "环纹", "hatched": "网格",
    "small": "小", "medium": "中等", "large": "大", "upright": "正立", "tilted": "倾斜",
    "left of": "在左边于", "right of": "在右边于", "above": "在上方于", "below": "在下方于",
    "larger than": "大于",
    "smaller than": "小于", "dark": "深色", "light": "浅色", "gradient": "渐变", "noisy": "噪点",
    "lined": "横线", "tiled": "方格", "cloudy": "云状", "grey": "灰色", "top left": "左上角", "top": "顶部",
    "top right": "右上角", "left": "左侧", "centre": "中央", "right": "右侧", "bottom left": "左下角",
    "bottom": "底部", "bottom right": "右下角", "object": "物体", "picture": "图片", "flat": "图片",
    "shaded": "渲染图", "photo": "照片", "sketch": "素描", "painting": "油画", "silhouette": "剪影",
    "blueprint": "蓝图", "inverted": "负片",
}  # fmt: skip


def chinese(statement: Statement) -> str:
    """A statement in simplified Chinese, without blanks: words are found by their characters."""
    parts = []
    joints = {i: r for i, r, _ in statement.relations}
    for k, thing in enumerate(statement.objects):
        parts.append(_chinese_thing(thing))
        if k + 1 < len(statement.objects):
            parts.append(_RELATION.get(joints.get(k), "和"))
    text = "".join(parts)
    if statement.absent:
        text += "，没有" + "、".join(_chinese_thing(t) for t in statement.absent)
    if statement.background:
        text += f"，背景是{CHINESE[statement.background]}的"
    return f"这张{CHINESE[statement.style or 'picture']}里有{text}。"


_RELATION = {
    "left of": "，它的右边是", "right of": "，它的左边是", "above": "，它的下方是", "below": "，它的上方是",
    "larger than": "，它大于", "smaller than": "，它小于", None: "和",
}  # fmt: skip


def _chinese_thing(thing: Thing) -> str:
    place = f"{CHINESE[thing['position']]}的" if "position" in thing else ""
    words = [f"{CHINESE[thing[a]]}的" for a in ("size", "pose", "colour", "texture") if a in thing]
    return f"{place}一个{''.join(words)}{CHINESE[thing.get('shape', 'object')]}"


SCRIPTS = {  # onsets and vowels of a syllable
    "latin": ("b d f g h k l m n p r s t v z".split(), "a e i o u".split()),
    "cyrillic": ("б в г д ж з к л м н п р с т ф".split(), "а е и о у".split()),
    "greek": ("β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ".split(), "α ε ι ο υ".split()),
    "armenian": ("բ գ դ զ թ լ կ մ ն պ ռ ս տ փ ք".split(), "ա ե ի ո ու".split()),
}
ORDERS = ("size colour texture shape", "shape colour texture size", "colour shape size texture")


@dataclass(frozen=True)
class Language:
    """A procedural language. name: seeds its lexicon. script: of `SCRIPTS`. order: of the words of a thing,
    number of `ORDERS`. verb_last: the relation stands after both things. agreement: adjectives end in the
    vowel that their noun ends in. merged: this share of the lexicon are words for two meanings (many to one).

    Raises:
        ValueError: an unknown script or order.
    """

    name: str
    script: str = "latin"
    order: int = 1
    verb_last: bool = True
    agreement: bool = True
    merged: float = 0.0

    def __post_init__(self):
        if self.script not in SCRIPTS or not 0 <= self.order < len(ORDERS):
            raise ValueError(f"script {self.script!r} must be of {', '.join(SCRIPTS)}, order {self.order} of 0..2")

    @property
    def lexicon(self) -> dict[str, str]:
        """English value -> word. All words differ, but for merged pairs of one attribute."""
        onsets, vowels = SCRIPTS[self.script]
        groups = (SHAPES, COLOURS, TEXTURES, SIZES[3], POSES, PLACES, RELATIONS, BACKGROUNDS, STYLES)
        out, used = {}, set()
        for group, values in enumerate((*groups, ("object", "picture", "and", "without", "ground"))):
            previous = None
            for value in values:
                word, k = "", 0
                while not word or word in used:
                    seed = zlib.crc32(f"{self.name}/{group}/{value}/{k}".encode())
                    h = int(mix(np.array([seed], np.uint64))[0])
                    word = ""
                    for _ in range(2 + h % 2):
                        h //= 7
                        word += onsets[h % 15] + vowels[h // 15 % 5]
                        h //= 75
                    k += 1
                merge = zlib.crc32(f"{self.name}/merge/{group}/{value}".encode()) % 1000 < 1000 * self.merged
                if previous and merge and group < 3:
                    out[value], previous = out[previous], None
                else:
                    out[value], previous = word, value
                    used.add(word)
        return out

    def realise(self, statement: Statement) -> str:
        """A statement in this language."""
        return realise_all(self, [statement])[0]


def realise_all(language: Language, statements: list[Statement]) -> list[str]:
    """Statements in a procedural language."""
    lexicon = language.lexicon
    return [_sentence(language, lexicon, s) for s in statements]


def _sentence(language: Language, lexicon: dict[str, str], statement: Statement) -> str:
    joints = {i: r for i, r, _ in statement.relations}
    words = [_noun_phrase(language, lexicon, statement.objects[0])]
    for k in range(1, len(statement.objects)):
        joint, thing = (
            lexicon[joints.get(k - 1, "and")],
            _noun_phrase(language, lexicon, statement.objects[k]),
        )
        words += [thing, joint] if language.verb_last else [joint, thing]
    for thing in statement.absent:
        words += [lexicon["without"], _noun_phrase(language, lexicon, thing)]
    if statement.background:
        words += [lexicon["ground"], lexicon[statement.background]]
    words.insert(0, lexicon[statement.style or "picture"])
    return " ".join(words) + "."


def _noun_phrase(language: Language, lexicon: dict[str, str], thing: Thing) -> str:
    noun = lexicon[thing.get("shape", "object")]
    words = []
    for attribute in (*ORDERS[language.order].split(), "pose", "position"):
        if attribute == "shape":
            words.append(noun)
        elif attribute in thing:
            words.append(lexicon[thing[attribute]] + (noun[-1] if language.agreement else ""))
    return " ".join(words)
