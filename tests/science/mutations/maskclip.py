"""MaskCLIP without its idea: what is read at a place was projected at another one."""

MUTATIONS = {
    "foreign-places": {
        "says": "the value path of each patch is handed to another patch of its image",
        "replaces": {"vlatlas.methods.maskclip.value_path": "dealt_out"},
    },
}


def dealt_out(original):
    def value_path(block):
        import torch

        patches = original(block)
        order = torch.randperm(patches.shape[1], generator=torch.Generator().manual_seed(0))
        return patches[:, order]

    return value_path
