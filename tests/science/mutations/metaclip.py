"""MetaCLIP without its idea: every text is matched to the entries of another text, so that the cap flattens nothing."""

MUTATIONS = {
    "foreign-entries": {
        "says": "the texts that match anything exchange their entries, before anything is counted or drawn",
        "replaces": {"vlatlas.methods.metaclip.match": "exchanged"},
    },
}


def exchanged(original):
    def match(texts, entries):
        import random

        matched = original(texts, entries)
        found = [i for i, m in enumerate(matched) if m]
        others = random.Random(0).sample([matched[i] for i in found], len(found))
        for i, other in zip(found, others, strict=True):
            matched[i] = other
        return matched

    return match
