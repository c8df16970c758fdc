"""`make migration NAME=…`: writes a migration from the difference between the models and the newest schema."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

FOLDER = Path(__file__).parent / "migrations"


def main(name: str) -> None:
    """Write the file and say where it is."""
    number = len(list((FOLDER / "versions").glob("*.py"))) + 1
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    with (
        tempfile.TemporaryDirectory() as scratch,
        create_engine(f"sqlite:///{scratch}/schema.db").connect() as connection,
    ):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message=name.replace("_", " "), autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    main(sys.argv[1])
