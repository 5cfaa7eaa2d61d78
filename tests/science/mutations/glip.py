"""GLIP without its idea: a phrase belongs to a box, but to another one of its scene."""

MUTATIONS = {
    "foreign-boxes": {
        "says": "grounding data hand each phrase to another box of its scene",
        "replaces": {"vlatlas.protocols.detection.Detection.batch_at": "foreign"},
    },
}


def foreign(original):
    def batch_at(self, step, seed, kind):
        return original(self, step, seed, "permuted" if kind == "grounding" else kind)

    return batch_at
