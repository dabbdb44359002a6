"""The floors of the store: what tests/test_architecture.py holds and docs/architecture.md shows."""

# Each wing of the store may use those on the floors below it, and none on its own floor or above.
FLOORS = (
    {"tables"},
    {"database"},
    {"migrations"},
    {"audit"},
    {"projects"},
    {"credits", "users"},
    {"notifications", "memory", "tools"},
    {"heartbeats"},
    {"bots", "runs"},
    {"overview", "retention"},
)
FLOOR = {wing: number for number, wings in enumerate(FLOORS) for wing in wings}
