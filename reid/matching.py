"""The rule that decides whose passage it is: similarity, margin to the next identity, and what is possible at all."""

from __future__ import annotations

from collections.abc import Sequence

from core.embedding import Embedding
from core.sightings import Hit, Passage, Recognised, Sighting, Thresholds, Where, new_identity_id
from reid.aggregation import aggregate
from reid.gallery import Gallery, SightingIndex
from reid.travel import out_of_reach

DEFAULT_THRESHOLDS = Thresholds(similarity=0.75, margin=0.05)
"""Rather two identities for one person, which one merge mends, than two persons in one. Calibrate on the site."""

MOST_HITS = 50


class Matcher:
    """Finds or makes the identity of each passage, and writes the passage into the gallery."""

    def __init__(self, gallery: Gallery, index: SightingIndex) -> None:
        self._gallery = gallery
        self._index = index

    def identify(self, passage: Passage) -> Recognised:
        """Whose passage it is. A passage that is in the gallery already keeps its identity.

        Raises:
            ValueError: the passage has no crops, or crops of different models.
            UnavailableError: the gallery cannot be used now.
        """
        known = self._gallery.get(passage.id)
        if known is not None:
            return Recognised(known.identity_id, self._gallery.name_of(known.identity_id), known.similarity)
        embedding = aggregate(passage.crops)
        recognised = self._decide(passage, embedding)
        self._gallery.add(_sighting(passage, embedding, recognised.identity_id, recognised.similarity))
        return recognised

    def update(self, passage: Passage) -> bool:
        """Note what has been seen of a passage since it was identified; whose it is stays.

        Returns:
            False where it was erased from the gallery meanwhile.

        Raises:
            UnavailableError: the gallery cannot be used now.
        """
        known = self._gallery.get(passage.id)
        if known is None:
            return False
        embedding = aggregate(passage.crops)
        return self._gallery.update(_sighting(passage, embedding, known.identity_id, known.similarity))

    def _decide(self, passage: Passage, embedding: Embedding) -> Recognised:
        thresholds = self._gallery.thresholds(embedding.model) or DEFAULT_THRESHOLDS
        impossible = self._impossible(passage, embedding)
        hits = self._index.search(embedding, MOST_HITS, Where(not_groups=impossible, not_keys=(passage.id,)))
        ranked = best_of_each(hits)
        if not ranked or ranked[0].similarity < thresholds.similarity:
            return Recognised(new_identity_id(passage.id), None, None)
        best = ranked[0]
        alike = [hit.group for hit in ranked[1:] if _contests(hit, best, thresholds)]
        if alike:
            return Recognised(new_identity_id(passage.id), None, None, (best.group, *alike))
        return Recognised(best.group, self._gallery.name_of(best.group), best.similarity)

    def _impossible(self, passage: Passage, embedding: Embedding) -> set[str]:
        """Identities seen beside this person, or on another camera at a time from which nobody gets here."""
        impossible = self._index.identities_of(embedding, passage.beside)
        learnt = self._gallery.travel_times(passage.camera_id) if passage.travel_s is None else ()
        if elsewhere := out_of_reach(passage, learnt):
            impossible |= self._index.identities(embedding, *elsewhere)
        return impossible


def best_of_each(hits: Sequence[Hit]) -> list[Hit]:
    """The best hit of each identity, best first."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: -h.similarity):
        best.setdefault(hit.group, hit)
    return list(best.values())


def _contests(hit: Hit, best: Hit, thresholds: Thresholds) -> bool:
    """Whether an identity is as likely as the best one. One that looks like the best is the same person, seen twice."""
    is_near = best.similarity - hit.similarity < thresholds.margin
    return is_near and float(best.vector @ hit.vector) < thresholds.similarity


def _sighting(passage: Passage, embedding: Embedding, identity_id: str, similarity: float | None) -> Sighting:
    return Sighting(
        id=passage.id,
        identity_id=identity_id,
        camera_id=passage.camera_id,
        started_at=passage.started_at,
        ended_at=passage.ended_at,
        embedding=embedding,
        similarity=None if similarity is None else round(similarity, 4),
    )
