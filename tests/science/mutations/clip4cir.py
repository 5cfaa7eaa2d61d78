"""CLIP4Cir without its idea: in training every instruction belongs to another triplet, in both stages and for all rivals."""

MUTATIONS = {
    "foreign-instructions": {
        "says": "every training triplet has the instruction of another one",
        "replaces": {"vlatlas.protocols.retrieval_edit.RetrievalEdit.train_set": "foreign"},
    },
}


def foreign(original):
    def train_set(self, seed):
        return self.mismatched(original(self, seed), seed + 1_000)

    return train_set
