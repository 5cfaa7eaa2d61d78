"""Shards with everything wrong that happens to shards: read to their end, and every loss counted exactly."""

import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from vlatlas.data.manifest import Manifest
from vlatlas.data.scenes import World
from vlatlas.data.webdata import Shards, benchmark, expand, read, scan


def jpeg(image: torch.Tensor, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)).save(out, kind)
    return out.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """10 shards of 1,000: 1 % truncated JPEGs, 50 missing and 20 empty captions, 30 without an image, and the
    last shard cut off within the image of its sample 700."""
    folder = tmp_path_factory.mktemp("shards")
    batch = World().batch(0, range(200))
    pictures = [jpeg(i) for i in batch.images]
    for shard in range(10):
        with tarfile.open(folder / f"{shard:03d}.tar", "w") as archive:
            for k in range(1000):
                n, key = shard * 1000 + k, f"s{shard:03d}{k:04d}"
                picture = pictures[n % 200]
                if n % 100 == 7:
                    picture = picture[: len(picture) // 2]
                if n % 100 != 8 or n >= 3000:
                    if shard == 9 and k == 700:
                        cut = archive.offset + 512 + len(picture) // 2
                    add(archive, f"{key}.jpg", picture)
                if not (n % 100 == 9 and n < 5000):
                    add(archive, f"{key}.txt", b"  \n" if n % 500 == 10 else batch.captions[n % 200].encode())
                add(archive, f"{key}.json", json.dumps({"n": n}).encode())
        (folder / f"{shard:03d}_stats.json").write_text(json.dumps({"successes": 1000}))
    data = (folder / "009.tar").read_bytes()
    (folder / "009.tar").write_bytes(data[:cut])
    return folder


def test_ten_thousand_samples_are_read_to_the_end_with_exact_counts(broken):
    m = scan(f"{broken}/{{000..009}}.tar", licence="CC0")
    assert (m.shards, m.truncated_shards, m.unreadable_shards) == (10, 1, 0)
    assert m.seen == 9701 and m.missing == 299
    assert m.broken_image == 97  # one in a hundred of the 9,700 that are whole
    assert m.no_image == 30 and m.no_text == 50 + 20 and m.cut == 1
    assert m.kept == 9701 - 97 - 30 - 70 - 1
    assert m.lost == 10_000 - m.kept
    assert "1 of 10 shards truncated" in m.summary() and len(m.problems) == 100


def test_a_tar_cut_between_two_files_is_noticed_too(broken, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        image = jpeg(World().batch(0, [0]).images[0])
        for k in range(4):
            add(archive, f"{k}.jpg", image)
            if k == 3:
                end = archive.offset
            add(archive, f"{k}.txt", b"a caption")
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(data[:end])
    (tmp_path / "c.tar").write_bytes(b"no tar at all")
    m = scan("::".join(str(tmp_path / f"{n}.tar") for n in "abcd"))
    assert (m.shards, m.truncated_shards, m.unreadable_shards) == (4, 2, 1)
    assert (m.kept, m.cut, m.seen) == (7, 1, 8)


def test_manifests_account_for_everything_and_are_written_whole(broken, tmp_path):
    a, b = (scan(f"{broken}/{{000..001}}.tar") for _ in range(2))
    assert a.digest == b.digest != scan(f"{broken}/{{000..002}}.tar").digest
    a.write(tmp_path / "m.json")
    read = json.loads((tmp_path / "m.json").read_text())
    assert read["kept"] == a.kept and read["digest"] == a.digest and read["lost"] == 2000 - a.kept
    assert [p.name for p in tmp_path.iterdir()] == ["m.json"]
    with pytest.raises(ValueError, match="'tired'"):
        Manifest("x").lose("tired", "key")


def texts(dataset) -> list[str]:
    return [t for _, t in dataset]


def test_ranks_and_workers_share_the_shards_without_overlap(broken):
    pattern = f"{broken}/{{000..003}}.tar"
    names = "json:n"
    whole = texts(Shards(pattern, 8, text=names))
    parts = [texts(Shards(pattern, 8, text=names, rank=r, world_size=2)) for r in range(2)]
    assert sorted(whole) == sorted(parts[0] + parts[1]) and not set(parts[0]) & set(parts[1])
    loaded = [t for _, batch in DataLoader(Shards(pattern, 8, text=names), batch_size=50, num_workers=2) for t in batch]
    assert sorted(loaded) == sorted(whole)
    with pytest.raises(ValueError, match="some would get none"):
        texts(Shards(pattern, 8, rank=0, world_size=5))


def test_shuffling_is_reproducible_complete_and_new_in_every_epoch(broken):
    def order(epoch):
        data = Shards(f"{broken}/{{000..002}}.tar", 8, shuffle=100, text="json:n")
        data.epoch = epoch
        return texts(data)

    first = order(0)
    assert first == order(0) != order(1) and sorted(first) == sorted(order(1)) and first != sorted(first, key=int)


def test_images_come_out_square_and_whole(broken):
    image, text = next(iter(Shards(f"{broken}/000.tar", 16)))
    assert image.shape == (3, 16, 16) and image.dtype == torch.float32 and 0 <= image.min() <= image.max() <= 1
    expected = World(resolution=32).batch(0, [0])
    assert text == expected.captions[0]
    near = torch.nn.functional.avg_pool2d(expected.images, 2)[0]
    assert (image - near).abs().mean() < 0.08


def test_brace_ranges_expand():
    assert expand("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expand("{0..1}/{0..1}.tar") == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    assert expand("pipe:cat x.tar") == ["pipe:cat x.tar"]
    with pytest.raises(ValueError, match="backwards"):
        expand("{3..1}.tar")


def test_pipes_are_read_like_files(broken):
    assert scan(f"pipe:cat {broken}/000.tar").digest == scan(f"{broken}/000.tar").digest


def test_clip_benchmark_layout(tmp_path):
    world = World()
    (tmp_path / "test").mkdir()
    (tmp_path / "test/nshards.txt").write_text("2\n")
    (tmp_path / "classnames.txt").write_text("\n".join(world.classes("shape")) + "\n")
    (tmp_path / "zeroshot_classification_templates.txt").write_text("a photo of a {c}.\nthe {c}.\n")
    batch = world.batch(0, range(20))
    for shard in range(2):
        with tarfile.open(tmp_path / f"test/{shard}.tar", "w") as archive:
            for k in range(shard * 10, shard * 10 + 10):
                add(archive, f"s{k:07d}.webp", jpeg(batch.images[k], "WEBP"))
                add(archive, f"s{k:07d}.cls", str(batch.labels["shape"][k, 0].item()).encode())
    data = benchmark(tmp_path)
    assert data["prompts"][0] == ["a photo of a circle.", "the circle."]
    labels = [int(t) for _, t in Shards(data["shards"], 32, text=data["text"])]
    assert labels == batch.labels["shape"][:, 0].tolist()
    (tmp_path / "classnames.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"classnames\.txt is missing"):
        benchmark(tmp_path)
    (tmp_path / "dataset_type.txt").write_text("retrieval\n")
    assert benchmark(tmp_path)["text"] == "txt"


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", '{"successes": "12"}', '{"successes": -1}', '{"successes": true}', "\x00"])
def test_statistics_that_promise_no_number_are_named_with_a_remedy(tmp_path, text):
    with tarfile.open(tmp_path / "000.tar", "w") as archive:
        add(archive, "a.txt", b"a caption")
    (tmp_path / "000_stats.json").write_text(text)
    with pytest.raises(ValueError, match="000_stats.json.*remove it"):
        list(read(str(tmp_path / "000.tar"), Manifest(None)))
