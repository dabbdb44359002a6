"""Which part of a long list is wanted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """Page `number` (from 1) of pages of `size`."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size
