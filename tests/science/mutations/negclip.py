"""NegCLIP without its idea: the false captions of a batch are those of other images."""

MUTATIONS = {
    "foreign-captions": {
        "says": "every arm with false captions gets swaps of other scenes' captions, as many and of the same kinds",
        "replaces": {"vlatlas.protocols.aro.Aro.batches": "foreign"},
    },
}
INDEPENDENT = {
    "order-blind": "it is a measurement of the model before any fine-tuning",
    "shortcut": "it is a measurement of the model before any fine-tuning",
}


def foreign(original):
    def batches(self, arm, seed):
        given, others = original(self, arm, seed), original(self, "strangers", seed + 1)

        def batch(step):
            inputs = given(step)
            return inputs if arm == "plain" else (*inputs[:2], others(step)[2])

        return batch

    return batches
