"""LLaVA without its ideas: no instructions, only captions; or instructions whose pictures are another scene's."""

MUTATIONS = {
    "no-instructions": {
        "says": "whatever kind of sample is asked of the teacher, it returns a brief request with the caption",
        "replaces": {"vlatlas.data.instructions.write": "captions_alone"},
    },
    "no-sight": {
        "says": "in both stages every sample is learnt beside the picture of another one",
        "replaces": {"vlatlas.methods.llava.Llava.forward": "other_pictures"},
    },
}


def captions_alone(original):
    def write(told, kind, chance):
        return original(told, "caption", chance)

    return write


def other_pictures(original):
    def forward(self, z, ids, answers):
        return original(self, z.roll(1, dims=0), ids, answers)

    return forward
