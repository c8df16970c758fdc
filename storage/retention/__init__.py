"""How long media stay: by days, by bytes and by the room that is left; for single cameras; and what is locked."""
