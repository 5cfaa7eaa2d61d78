"""Long-CLIP without its idea: the long descriptions that it is tuned on tell about other scenes from the third sentence on."""

MUTATIONS = {
    "foreign-sentences": {
        "says": "every training description goes on, after its second sentence, with those of another scene",
        "replaces": {"vlatlas.protocols.longtext.LongTexts.train_set": "shuffled"},
    },
}
INDEPENDENT = {"effective-length": "it is a measurement of the model that Long-CLIP starts from"}


def shuffled(original):
    def train_set(self, seed):
        import random
        from dataclasses import replace

        told = original(self, seed)
        other = random.Random(seed).sample(told.sentences, len(told.sentences))
        mixed = [own[:2] + foreign[2:] for own, foreign in zip(told.sentences, other, strict=True)]
        return replace(told, sentences=mixed)

    return train_set
