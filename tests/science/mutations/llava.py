"""LLaVA without its ideas: no instructions, only captions; pictures of other scenes; or a first stage that aligns nothing."""

MUTATIONS = {
    "no-instructions": {
        "says": "whatever kind of sample is asked of the teacher, it returns a brief request with the caption",
        "replaces": {"vlatlas.data.instructions.write": "captions_alone"},
    },
    "no-sight": {
        "says": "in both stages every sample is learnt beside the picture of another one",
        "replaces": {"vlatlas.methods.llava.Llava.forward": "other_pictures"},
    },
    "no-alignment": {
        "says": "in the first stage, where the projector learns alone, every caption stands beside the picture of another",
        "replaces": {"vlatlas.methods.llava.Llava.forward": "other_pictures_at_first"},
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


def other_pictures_at_first(original):
    def forward(self, z, ids, answers):
        alone = not any(p.requires_grad for p in self.model.parameters())
        return original(self, z.roll(1, dims=0) if alone else z, ids, answers)

    return forward
