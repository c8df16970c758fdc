"""`python -m app.cli` is `camrec`: how the supervisor starts its children without looking for a script."""

from app.cli import main

main(prog_name="camrec")
