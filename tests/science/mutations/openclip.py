"""The scaling laws without their idea: compute is spent as before and buys nothing, as texts belong to other pictures."""

MUTATIONS = {
    "foreign-captions": {
        "says": "both sets are trained on descriptions of other pictures, at every width and budget",
        "replaces": {"vlatlas.protocols.scaling.Scaling.fit": "on_the_control"},
    },
}


def on_the_control(original):
    def fit(self, captions, width, pairs, seed, **changes):
        return original(self, "shuffled", width, pairs, seed, **changes)

    return fit
