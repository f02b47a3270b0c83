"""`python -m trajset`."""

from .cli import main

main()
