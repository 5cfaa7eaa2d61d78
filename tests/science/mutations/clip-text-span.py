"""TextSpan without its idea: heads are credited with what they wrote for another image, and described by random texts."""

MUTATIONS = {
    "foreign-heads": {
        "says": "every head's contribution is that of the next image, and a description is a random choice of texts",
        "replaces": {
            "vlatlas.methods.residual_sum.decompose": "foreign",
            "vlatlas.methods.clip_text_span.text_span": "blindly",
        },
    },
}
INDEPENDENT = {"mlps": "it removes the parts of the MLPs, into which neither the heads' shares nor their descriptions enter"}


def foreign(original):
    def decompose(model, images, fold=True):
        parts = original(model, images, fold)
        parts.heads = parts.heads.roll(1, dims=1)
        return parts

    return decompose


def blindly(original):
    def text_span(outputs, texts, steps, rank):
        import torch

        generator = torch.Generator().manual_seed(int(outputs.abs().sum() * 1e6) % 2**31)
        chosen = torch.randperm(len(texts), generator=generator)[:steps]
        span = original(outputs, texts[chosen], steps, rank)
        span.chosen = [int(chosen[k]) for k in span.chosen]
        return span

    return text_span
