"""vlatlas: the library under the executable atlas of vision-language learning."""

__version__ = "0.1.0"
