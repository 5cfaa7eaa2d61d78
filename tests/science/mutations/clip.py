"""CLIP without its idea: nobody taught the text tower which caption belongs to which image."""

MUTATIONS = {
    "untaught-text-tower": {
        "says": "class embeddings come from a text tower that was never trained on pairs",
        "replaces": {"vlatlas.evals.zero_shot.class_embeddings": "untaught"},
    },
}


def untaught(original):
    def class_embeddings(model, prompts, tokenizer=None):
        from vlatlas.protocols.shipped import fresh

        return original(fresh(0).eval(), prompts, tokenizer)

    return class_embeddings
