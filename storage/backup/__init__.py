"""Backup and restore of an installation (docs/backup.md has the format)."""
