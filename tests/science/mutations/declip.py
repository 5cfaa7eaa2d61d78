"""DeCLIP without its idea: the terms have nothing to say, or what they say is about other pairs."""

MUTATIONS = {
    "no-terms": {
        "says": "views, masked words and neighbours are made and paid for, and only CLIP's loss of the first views is taken",
        "replaces": {"vlatlas.losses.declip.DeclipLoss.forward": "first_views"},
    },
    "foreign-neighbours": {
        "says": "every image gets the neighbour of another image's text",
        "replaces": {"vlatlas.losses.declip.TextQueue.nearest": "foreign"},
    },
}


def first_views(original):
    def forward(self, image_features, text_features, logit_scale, *rest, group, owner, **further):
        from vlatlas.losses.multi_positive import multi_positive_clip_loss

        original(self, image_features, text_features, logit_scale, *rest, group=group, owner=owner, **further)  # fills the queue
        return multi_positive_clip_loss(image_features, text_features, logit_scale, group.to(image_features.device))

    return forward


def foreign(original):
    def nearest(self, text, owner):
        return original(self, text, owner).roll(1, dims=0)

    return nearest
