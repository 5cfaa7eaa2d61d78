"""SCLIP without its idea: a token mixes tokens like some other one."""

MUTATIONS = {
    "foreign-rows": {
        "says": "each patch is handed the correlations of another patch",
        "replaces": {"vlatlas.methods.sclip.correlate": "dealt_out"},
    },
}


def dealt_out(original):
    def correlate(r):
        import torch

        rows = original(r)  # (B, h, T, T), the class token first
        order = torch.randperm(rows.shape[2] - 1, generator=torch.Generator().manual_seed(0)) + 1
        return torch.cat([rows[:, :, :1], rows[:, :, order]], dim=2)

    return correlate
