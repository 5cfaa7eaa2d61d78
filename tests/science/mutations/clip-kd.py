"""CLIP-KD without its idea: the student is told of other scenes, or ICL sees the teacher without its pairs."""

MUTATIONS = {
    "foreign-features": {
        "says": "all terms take the teacher's features of the other scenes of the batch, moved by one",
        "replaces": {"vlatlas.methods.clip_kd.DistilledStudent.forward": "of_others"},
    },
}


def of_others(original):
    def forward(self, images, ids, teacher_image, teacher_text):
        return original(self, images, ids, teacher_image.roll(1, dims=0), teacher_text.roll(1, dims=0))

    return forward
