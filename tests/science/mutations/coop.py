"""CoOp without its idea: the context is a set of vectors, and nobody learns it."""

MUTATIONS = {
    "unlearnt": {
        "says": "the vectors stay as they were drawn, whatever the labelled images",
        "replaces": {"vlatlas.methods.coop_fit.Coop.together": "unlearnt"},
    },
}


def unlearnt(original):
    def together(self, jobs):
        from dataclasses import replace

        return original(replace(self, steps=0), jobs)

    return together
