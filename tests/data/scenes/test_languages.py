"""Translations say the same: different statements give different sentences, equal ones equal sentences."""

import pytest

from vlatlas.data.scenes import World
from vlatlas.data.scenes.languages import CHINESE, ORDERS, SCRIPTS, Language, chinese, realise_all
from vlatlas.data.scenes.negatives import foils
from vlatlas.data.scenes.vocabulary import STYLES

WORLD = World(objects=(1, 2), shapes=16, colours=12, textures=6, backgrounds=8, styles=STYLES, detail="rich")
TONGUES = [Language(f"t{k}", s, k % 3, k % 2 == 0, k < 2) for k, s in enumerate(SCRIPTS)]


@pytest.fixture(scope="module")
def batch():
    return WORLD.batch(0, range(4000))


def key(s):
    return (tuple(tuple(sorted(o.items())) for o in s.objects), s.relations, s.background, s.style)


@pytest.mark.parametrize("tongue", ["zh", *TONGUES], ids=str)
def test_translation_is_one_to_one_on_statements(batch, tongue):
    statements = batch.statements + [f for f in foils(batch, "replace") if f]
    texts = [chinese(s) for s in statements] if tongue == "zh" else realise_all(tongue, statements)
    seen = {}
    for s, text in zip(statements, texts, strict=True):
        assert seen.setdefault(text, key(s)) == key(s)
    assert len(set(texts)) == len({key(s) for s in statements})


def test_chinese_is_chinese():
    assert len(set(CHINESE.values())) >= len(CHINESE) - 1  # picture and flat share a word
    text = chinese(World().batch(0, [0]).statements[0])
    assert not any("a" <= c <= "z" for c in text) and text.startswith("这张图片里有")


def test_procedural_languages_share_no_word_and_keep_their_rules(batch):
    lexicons = [t.lexicon for t in TONGUES]
    for a, lexicon in enumerate(lexicons):
        assert len(set(lexicon.values())) == len(lexicon)
        for other in lexicons[a + 1 :]:
            assert not set(lexicon.values()) & set(other.values())
    statement = World().batch(0, [0]).statements[0]
    for tongue in TONGUES:
        words, lexicon = tongue.realise(statement).rstrip(".").split(), tongue.lexicon
        thing = statement.objects[0]
        noun = lexicon[thing["shape"]]
        at = ORDERS[tongue.order].split().index("shape")
        assert words[1 + at] == noun
        assert (lexicon[thing["colour"]] + noun[-1] * tongue.agreement) in words


def test_many_to_one_lexicons_merge_words_of_one_attribute():
    lexicon = Language("m", merged=0.5).lexicon
    assert len(set(lexicon.values())) < len(lexicon)
    assert lexicon["above"] != lexicon["below"]
    with pytest.raises(ValueError, match="'runes'"):
        Language("x", "runes")
