"""CapDec without its idea: the text embedding stays as it is."""

MUTATIONS = {
    "no-noise": {
        "says": "every level of noise is none",
        "replaces": {"vlatlas.methods.capdec.noisy": "silent"},
    },
}


def silent(original):
    def noisy(v, epsilon, generator=None):
        return original(v, 0.0, generator)

    return noisy
