"""ALBEF without its idea: what is aligned, and what similarities and targets are read from, are other pairs."""

MUTATIONS = {
    "foreign-pairs": {
        "says": "the contrastive term gets each title with the scene of the pair before it in the batch",
        "replaces": {"vlatlas.methods.albef.Albef.align": "foreign"},
    },
}


def foreign(original):
    def align(self, z, h, slow_z, ids, alpha):
        return original(self, z.roll(1, dims=0), h, slow_z.roll(1, dims=0), ids, alpha)

    return align
