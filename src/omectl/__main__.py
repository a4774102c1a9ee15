"""`python -m omectl`."""

from omectl.cli import main

main()
