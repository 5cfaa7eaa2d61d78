"""python -m vlatlas.protocols.full PAPER ..."""

from .cli import main

if __name__ == "__main__":
    main()
