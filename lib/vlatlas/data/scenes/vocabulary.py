"""What the world is made of: shapes, colours, textures, sizes, poses, places, backgrounds and styles.

The order matters: `World(shapes=8)` takes the first eight, so the most distinct come first.
"""

SHAPES = (
    "circle", "square", "triangle", "star", "cross", "heart", "ring", "crescent",
    "arrow", "hourglass", "drop", "diamond", "house", "bolt", "clover", "hexagon",
)  # fmt: skip
POSELESS = frozenset({"circle", "ring"})  # a turn leaves them unchanged, so they have no pose
COLOURS = {  # name -> sRGB; neighbours in hue differ in lightness as well, for colour-blind readers
    "red": (0.84, 0.10, 0.13),
    "green": (0.10, 0.55, 0.22),
    "blue": (0.13, 0.24, 0.86),
    "yellow": (0.98, 0.88, 0.12),
    "purple": (0.48, 0.10, 0.58),
    "cyan": (0.30, 0.88, 0.93),
    "orange": (0.96, 0.52, 0.06),
    "pink": (0.98, 0.66, 0.80),
    "white": (0.99, 0.99, 0.99),
    "black": (0.03, 0.03, 0.03),
    "brown": (0.42, 0.24, 0.10),
    "lime": (0.66, 0.92, 0.20),
}
TEXTURES = ("plain", "striped", "dotted", "checkered", "ringed", "hatched")
SIZES = {1: ("medium",), 2: ("small", "large"), 3: ("small", "medium", "large")}
ATTRIBUTE_OF = {  # word -> the attribute of which it is a value
    word: attribute
    for attribute, words in {"shape": SHAPES, "colour": COLOURS, "texture": TEXTURES, "size": SIZES[3]}.items()
    for word in words
}
POSES = ("upright", "tilted")
PLACES = (
    "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right",
)  # fmt: skip
BACKGROUNDS = ("dark", "grey", "light", "gradient", "cloudy", "noisy", "lined", "tiled")
STYLES = ("flat", "shaded", "photo", "sketch", "painting", "silhouette", "blueprint", "inverted")
HIDES = {  # what a style does not show: captions leave it out, labels say -1
    "sketch": ("background",),
    "silhouette": ("colour", "texture"),
    "blueprint": ("colour", "background"),
}
ATTRIBUTES = ("shape", "colour", "texture", "size", "pose", "position")  # of an object
RELATIONS = ("left of", "right of", "above", "below", "larger than", "smaller than")
CONVERSE = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above",
    "larger than": "smaller than", "smaller than": "larger than",
}  # fmt: skip
