"""Sphinx's English search index, with each word's stem computed once: a book repeats its words hundreds of times."""

import functools

from sphinx.search.en import SearchEnglish


class SearchWords(SearchEnglish):
    """The same index and the same stems."""

    def init(self, options: dict) -> None:
        """Keep the stems of a build."""
        super().init(options)
        self.known = functools.lru_cache(maxsize=None)(super().stem)

    def stem(self, word: str) -> str:
        """As its parent, from memory where it can."""
        return self.known(word)
