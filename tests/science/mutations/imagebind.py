"""ImageBind without its idea: a sense is bound to images, but to those of other scenes."""

MUTATIONS = {
    "shuffled-pairs": {
        "says": "every encoder is trained against the images (or texts) of other scenes",
        "replaces": {"vlatlas.protocols.binding.Binding.bind": "shuffled"},
    },
}


def shuffled(original):
    def bind(self, partner, sense, seed, anchor="scenes-clip", shuffled=True):
        return original(self, partner, sense, seed, anchor, True)

    return bind
