"""Writes docs/settings.md from the settings themselves: `python -m docs.make_settings`; a test compares the two."""

from __future__ import annotations

from pathlib import Path

from core.settings import PREFIX, Settings

PAGE = Path(__file__).with_name("settings.md")

MADE_AT_START = {"data": "`~/.local/share/camrec`", "node": "the host name"}


def page() -> str:
    """The whole page."""
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines of a file `.env` in the current folder. Written by `docs/make_settings.py`.",
        "Secrets may stand in files: `CAMREC_ADMIN_PASSWORD_FILE=/run/secrets/admin` and the like, of passwords, keys",
        "and addresses with passwords (`CAMREC_REDIS_URL_FILE`, `CAMREC_DATABASE_URL_FILE`).",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name, setting in sorted(Settings.model_fields.items()):
        default = "-" if setting.default is None else f"`{setting.default}`"
        shown = MADE_AT_START.get(name, default)
        lines.append(f"| `{PREFIX}{name.upper()}` | {shown} | {setting.description} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
