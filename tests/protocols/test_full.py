"""The full profile end to end: tiny local shards in the field's layouts, a tiny open_clip checkpoint."""

import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from vlatlas.data.images import square
from vlatlas.data.scenes import World
from vlatlas.losses import SigLipLoss
from vlatlas.protocols.full import cli as full_cli
from vlatlas.protocols.full.classes import Classes
from vlatlas.protocols.full.clip import clip
from vlatlas.protocols.full.features import encode
from vlatlas.protocols.full.outputs import Outputs
from vlatlas.protocols.full.pairs import Pairs
from vlatlas.protocols.full.siglip import fresh_text_tower
from vlatlas.train import TrainConfig, train

open_clip = pytest.importorskip("open_clip")

NAME = "atlas-full-tiny"
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
WORLD = World(shapes=("circle", "square", "triangle", "star"), colours=("red", "blue"))


def picture(image) -> Image.Image:
    return Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def shard(path, batch, extension, texts, broken=()):
    with tarfile.open(path, "w") as archive:
        for k, text in enumerate(texts):
            out = io.BytesIO()
            picture(batch.images[k]).save(out, "PNG")
            data = out.getvalue()[: 60 if k in broken else None]
            for name, content in ((f"{k:05d}.png", data), (f"{k:05d}.{extension}", text.encode())):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    for split, seed, size in (("train", 0, 80), ("test", 1, 60)):
        (folder / "set" / split).mkdir(parents=True)
        batch = WORLD.batch(seed, range(size))
        labels = [str(n) for n in batch.labels["shape"][:, 0].tolist()]
        shard(folder / "set" / split / "0.tar", batch, "cls", labels, broken=(3,))
        (folder / "set" / split / "nshards.txt").write_text("1\n")
    (folder / "set/classnames.txt").write_text("\n".join(WORLD.classes("shape")) + "\n")
    (folder / "set/zeroshot_classification_templates.txt").write_text("a photo of a {c}.\n")
    for n in range(2):
        batch = WORLD.batch(10 + n, range(40))
        shard(folder / f"pairs-{n}.tar", batch, "txt", batch.captions, broken=(5,))
    batch = WORLD.batch(20, range(12))
    images, captions = [], []
    (folder / "images").mkdir()
    for k in range(12):
        picture(batch.images[k]).save(folder / f"images/{k}.png")
        images.append({"id": k, "file_name": f"{k}.png"})
        captions += [{"image_id": k, "caption": batch.captions[k]}, {"image_id": k, "caption": f"number {k}"}]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder / f"{NAME}.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model(NAME).state_dict(), folder / "weights.pt")
    return folder


def test_clip_from_shards_and_a_checkpoint(home):
    out = home / "clip.json"
    result = full_cli.main([
        "clip", "--model", f"open_clip:{NAME}@{home / 'weights.pt'}", "--classes", str(home / "set"), "--train",
        str(home / "set"), "--shots", "1,4", "--seeds", "0,1", "--coco", str(home / "captions.json"),
        str(home / "images"), "--device", "cpu", "--out", str(out),
    ])["result"]  # fmt: skip
    assert 0 <= result["zero_shot"] <= 1 and len(result["probe_4"]) == len(result["n_star"]) == 2
    assert result["test"].startswith(f"{home / 'set'}: kept 59 of 60 (1 broken image)")
    assert "kept 79 of 80" in result["training"] and "kept 12 of 12" in result["data"]
    assert result["image_to_text@1"] <= result["image_to_text@5"] and result["text_to_image@1"] <= result["text_to_image@5"]
    assert json.loads(out.read_text())["result"] == result


def test_probes_learn_and_zero_shot_equals_a_count_by_hand(home):
    from vlatlas.evals import class_embeddings
    from vlatlas.models import load

    model, data = load("scenes-clip"), Classes(home / "set")
    result = clip(model, data, Classes(home / "set", "train"), "cpu", shots=(1, 16))
    assert result["probe_16"][0] > 0.5 > 0.25  # four classes
    u, labels = encode(model, data, "cpu")
    w = class_embeddings(model, data.prompts)
    right = sum(int((w @ u[i]).argmax()) == labels[i] for i in range(len(u)))
    assert result["zero_shot"] == pytest.approx(right / len(u))


def test_siglip_trains_the_text_tower_alone(home):
    name = f"open_clip:{NAME}@{home / 'weights.pt'}"
    result = full_cli.main([
        "siglip", "--model", name, "--pairs", f"{home}/pairs-{{0..1}}.tar", "--test-pairs", f"{home}/pairs-0.tar",
        "--batch-sizes", "8,16", "--seen", "64", "--device", "cpu",
    ])["result"]  # fmt: skip
    for size in (8, 16):
        assert result[f"gap_{size}"][0] == pytest.approx(result[f"sigmoid_{size}"][0] - result[f"softmax_{size}"][0])
    model, transform = fresh_text_tower(name, 0)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batches = Pairs(f"{home}/pairs-0.tar", transform, model.tokenizer, 8)
    wrapped = Outputs(model, True, 10.0, -10.0)
    train(wrapped, batches, SigLipLoss(), TrainConfig(3, 8), "cpu", progress=False)
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and not any(k.startswith("visual.") for k in changed)


def test_flip_masks_patches_and_counts_losses(home):
    result = full_cli.main([
        "flip", "--architecture", NAME, "--pairs", f"{home}/pairs-{{0..1}}.tar", "--classes", str(home / "set"),
        "--mask-ratios", "0,0.5", "--seen", "160", "--batch-size", "16", "--device", "cpu",
    ])["result"]  # fmt: skip
    assert {"acc_0", "acc_50"} <= set(result) and result["seconds_per_1000_pairs_50"][0] > 0
    assert "broken image" in result["data"]


def test_a_batch_is_reproducible_and_a_pass_is_whole(home):
    def stream():
        return Pairs(f"{home}/pairs-{{0..1}}.tar", square(8), lambda t: torch.tensor([len(x) for x in t]), 13, seed=1)

    first, again = stream(), stream()
    for step in range(8):  # more than one pass over 78 pairs
        (a, x), (b, y) = first(step), again(step)
        assert torch.equal(a, b) and torch.equal(x, y) and len(a) == 13
    assert first.epoch == 1
    with pytest.raises(ValueError, match="step 3 asked for, 8 is next"):
        first(3)


def test_mistakes_are_named(home, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        Classes(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="neither classnames.txt"):
        Classes(tmp_path)
    big = Pairs(f"{home}/pairs-0.tar", square(8), lambda t: t, 100)
    with pytest.raises(ValueError, match="39 usable pairs, fewer than a batch of 100"):
        big(0)
    with pytest.raises(ValueError, match="needs an open_clip model"):
        fresh_text_tower("scenes-clip", 0)
    with pytest.raises(SystemExit):
        full_cli.main(["clip"])


def test_image_folders_work_too(home, tmp_path):
    batch = WORLD.batch(5, range(20))
    for k in range(20):
        folder = tmp_path / WORLD.classes("shape")[batch.labels["shape"][k, 0]]
        folder.mkdir(exist_ok=True)
        picture(batch.images[k]).save(folder / f"{k}.png")
    data = Classes(tmp_path)
    labels = [label for _, label in data]
    assert data.names == sorted(WORLD.classes("shape")) and len(labels) == 20
    assert data.prompts[0][0] == "a photo of a circle."
