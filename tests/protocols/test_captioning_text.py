"""What the language model of the captioning papers has read, and what the shipped one knows."""

import re

from vlatlas.data.scenes import ParseError, parse
from vlatlas.data.scenes.english import TEMPLATES, realise
from vlatlas.data.splits.captioning import NOVEL, WORLD
from vlatlas.models import WordTokenizer
from vlatlas.models.language import LanguageModel, load_language_model
from vlatlas.protocols import captioning_text


def test_the_language_model_has_read_every_word_but_no_caption_and_no_held_out_pair():
    texts = captioning_text.documents(captioning_text.TEXT_SEED, 2_000)
    WordTokenizer(captioning_text.words(), 400, strict=True)(texts[:50])
    read = {w for t in texts for w in re.findall(r"[a-z]+", t)}
    statements = WORLD.batch(1, range(200)).statements + NOVEL.batch(1, range(200)).statements
    captions = [realise(s, t) for s in statements for t in range(len(TEMPLATES))]
    assert {w for c in captions for w in re.findall(r"[a-z]+", c)} <= read
    novel = {(o["colour"], o["shape"]) for s in NOVEL.batch(2, range(500)).statements for o in s.objects}
    named = {pair for pair in novel if any(re.search(rf"{pair[0]} (\w+ )?{pair[1]}", t) for t in texts)}
    assert novel and not named
    for text in texts:
        for sentence in re.findall(r"[^.]+\.", text):  # captions begin otherwise than any sentence of the texts
            try:
                said = parse(sentence.strip())
            except ParseError:
                continue
            assert sentence.strip() not in {realise(said, t) for t in range(2 * len(TEMPLATES))}


def test_shipped_model_reads_its_language_and_not_a_shuffled_one():
    model = captioning_text.load_scenes_lm()
    texts = captioning_text.documents(captioning_text.TEST_SEED, 60)
    assert captioning_text.perplexity(model, texts) < 2.5
    backwards = [" ".join(reversed(t.split())) for t in texts]
    assert captioning_text.perplexity(model, backwards) > 20
    assert captioning_text.perplexity(captioning_text.fresh(), texts) > 60
    assert captioning_text.card()["parameters"] == sum(p.numel() for p in model.parameters())


def test_training_the_language_model_in_small_lowers_its_perplexity(tmp_path):
    captioning_text.main(["--out", str(tmp_path / "m.safetensors"), "--steps", "12", "--scenes", "120"])
    model, card = load_language_model(tmp_path / "m.safetensors")
    assert card["steps"] == 12 and isinstance(model, LanguageModel)
    texts = captioning_text.documents(5, 30)
    assert captioning_text.perplexity(model, texts) < 0.6 * captioning_text.perplexity(captioning_text.fresh(), texts)
