"""VideoCLIP without its ideas: positives are cut strictly, and batches hold random videos."""

MUTATIONS = {
    "strict-and-random": {
        "says": "overlapping clips are strict ones of the mean length, and retrieved batches are random ones",
        "replaces": {
            "vlatlas.methods.videoclip.overlapping_clips": "strict",
            "vlatlas.methods.videoclip.retrieved_batches": "random",
        },
    },
}


def strict(original):
    def overlapping_clips(start, end, frames, shortest, longest, generator):
        from vlatlas.methods.videoclip import strict_clips

        return strict_clips(start, end, frames, (shortest + longest) // 2)

    return overlapping_clips


def random(original):
    def retrieved_batches(vectors, size, generator, candidates=2):
        from vlatlas.methods.videoclip import random_batches

        return random_batches(len(vectors), size, generator)

    return retrieved_batches
