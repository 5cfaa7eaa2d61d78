"""One look for every figure: colours that follow the method, labels readable on a phone."""

import matplotlib

# Okabe and Ito's palette, safe for the common colour-vision deficiencies. One method, one colour, on every page.
PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#7F7F7F",
}
METHOD_COLOURS = {
    "clip": PALETTE["blue"],
    "zero-shot": PALETTE["blue"],
    "softmax": PALETTE["blue"],
    "sigmoid": PALETTE["vermilion"],
    "siglip": PALETTE["vermilion"],
    "linear probe": PALETTE["green"],
    "supervised": PALETTE["orange"],
    "random": PALETTE["grey"],
    "control": PALETTE["grey"],
    "paper": PALETTE["black"],
    "mask 0 %": PALETTE["blue"],
    "mask 50 %": PALETTE["vermilion"],
    "mask 75 %": PALETTE["green"],
}
MARKERS = {"mask 0 %": "o", "mask 50 %": "s", "mask 75 %": "^", "softmax": "o", "sigmoid": "s"}


def colour(method: str) -> str:
    """The colour of a method; raises KeyError naming those that have one."""
    try:
        return METHOD_COLOURS[method]
    except KeyError:
        known = ", ".join(sorted(METHOD_COLOURS))
        raise KeyError(f"no colour for {method!r}; add it to METHOD_COLOURS, or use one of: {known}") from None


def figure(width: float = 6.4, height: float = 4.0, **kwargs):
    """A figure and its axes (as plt.subplots) in the house style: 6.4 in wide shows 12 pt text at 360 px."""
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update(
        {
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "lines.linewidth": 2,
            "lines.markersize": 7,
            "legend.frameon": False,
            "errorbar.capsize": 3,
            "svg.fonttype": "path",
            "svg.hashsalt": "vlatlas",  # the same figure gives the same bytes
            "savefig.facecolor": "white",
            "figure.facecolor": "white",
        }
    )
    return plt.subplots(figsize=(width, height), layout="constrained", **kwargs)
