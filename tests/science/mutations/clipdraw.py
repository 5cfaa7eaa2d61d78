"""CLIPDraw without its ideas: no pull on the curves, only on width and colour; or four strokes, however many are asked for."""

MUTATIONS = {
    "no-pull-on-curves": {
        "says": "the rasteriser passes no gradient to control points",
        "replaces": {"vlatlas.methods.strokes.distance": "stiff"},
    },
    "four-strokes": {
        "says": "a drawing gets four strokes, however many are asked for",
        "replaces": {"vlatlas.methods.clipdraw.random_strokes": "sparing"},
    },
}


def stiff(original):
    def distance(points, pixels, polish=2):
        return original(points.detach(), pixels, polish)

    return distance


def sparing(original):
    def random_strokes(drawings, strokes, generator, canvas=1.0, width=0.06):
        return original(drawings, 4, generator, canvas, width)

    return random_strokes
