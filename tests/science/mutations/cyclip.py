"""CyCLIP without its idea: the penalties compare images with other images' texts, or there are none."""

MUTATIONS = {
    "foreign-texts": {
        "says": "both penalties see the texts' rows in another order than the images'",
        "replaces": {"vlatlas.losses.cyclip.CyClipLoss.penalties": "foreign"},
    },
    "no-penalties": {
        "says": "neither penalty enters the loss",
        "replaces": {"vlatlas.losses.cyclip.CyClipLoss.penalties": "none"},
    },
}


def foreign(original):
    def penalties(self, image, text):
        return original(self, image, text.roll(1, dims=0))

    return penalties


def none(original):
    def penalties(self, image, text):
        return {}

    return penalties
