"""The command line of `vlatlas.protocols.full`."""

import argparse
import json
import time
from pathlib import Path

from ...repro import atomic
from ...train import pick_device
from .. import full
from .classes import Classes
from .clip import clip
from .features import paired_recall, retrieval
from .flip import flip
from .siglip import siglip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.full", description=full.__doc__.split("\n")[0])
    papers = parser.add_subparsers(dest="paper", required=True)
    for paper in ("clip", "siglip", "flip"):
        p = papers.add_parser(paper)
        p.add_argument("--device", default="auto")
        p.add_argument("--seeds", type=_numbers, default=(0,), help="0,1,2")
        p.add_argument("--out", type=Path, help="write the result here as JSON")
        p.add_argument("--split", default="test", help="of clip-benchmark's layout")
        if paper != "clip":
            p.add_argument("--pairs", required=True, help="shards, coco:ANNOTATIONS:IMAGES or hf:NAME[:SPLIT[:IMAGE:TEXT]]")
            p.add_argument("--text", default="txt", help="extension of the captions, or json:FIELD")
            p.add_argument("--seen", type=int, help="pairs seen in one run")
            p.add_argument("--lr", type=float)
    for_clip, for_siglip, for_flip = (papers.choices[n] for n in ("clip", "siglip", "flip"))
    for p in (for_clip, for_siglip):
        p.add_argument("--model", default="open_clip:ViT-B-32-quickgelu/openai")
    for_clip.add_argument("--classes", help="clip-benchmark's layout or an image folder: what is classified")
    for_clip.add_argument("--train", help="the same classes: where the probes' images come from")
    for_clip.add_argument("--train-split", default="train", help="of --train in clip-benchmark's layout")
    for_clip.add_argument("--coco", nargs=2, metavar=("ANNOTATIONS", "IMAGES"), help="also measure retrieval")
    for_clip.add_argument("--shots", type=_numbers, default=(1, 2, 4, 8, 16))
    for_siglip.add_argument("--test-pairs", required=True, help="pairs for the evaluation, as --pairs")
    for_siglip.add_argument("--batch-sizes", type=_numbers, default=(256, 1024, 4096))
    for_flip.add_argument("--architecture", default="ViT-B-16", help="of open_clip")
    for_flip.add_argument("--classes", required=True)
    for_flip.add_argument("--mask-ratios", type=lambda t: tuple(float(x) for x in t.split(",")), default=(0.0, 0.5, 0.75))
    for_flip.add_argument("--batch-size", type=int, default=1024)
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(x) for x in text.split(","))


def _work(a) -> dict:
    device = str(pick_device(a.device))
    if a.paper == "clip":
        from ...models import load

        model, out = load(a.model), {}
        if a.classes:
            training = Classes(a.train, a.train_split) if a.train else None
            out = clip(model, Classes(a.classes, a.split), training, device, a.seeds, a.shots)
        return out | (retrieval(model, *a.coco, device) if a.coco else {})
    more = {k: v for k, v in (("pairs", a.seen), ("lr", a.lr)) if v is not None}
    more |= {"seeds": a.seeds, "text": a.text}
    if a.paper == "siglip":
        evaluate = paired_recall(a.test_pairs, device, a.text)
        return siglip(a.model, a.pairs, evaluate, device, a.batch_sizes, **more)
    test = Classes(a.classes, a.split)
    return flip(a.architecture, a.pairs, test, device, a.mask_ratios, batch_size=a.batch_size, **more)


def main(arguments: list[str] | None = None) -> dict:
    """Run one paper's full profile, print the result as JSON, return it."""
    parser = _parser()
    a = parser.parse_args(arguments)
    if a.paper == "clip" and not (a.classes or a.coco):
        parser.error("give --classes, --coco, or both: there is nothing to measure")
    options = {k: str(v) if isinstance(v, Path) else v for k, v in vars(a).items()}
    began = time.perf_counter()
    result = _work(a) | {"elapsed_s": time.perf_counter() - began}
    result = {"paper": a.paper, "profile": "full", "options": options, "result": result}
    if a.out:
        atomic.write_json(a.out, result)
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return result
