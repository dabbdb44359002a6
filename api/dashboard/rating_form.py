"""The form in which a person says whether a run was any good: on its page, and behind the link of a message."""

from api.dashboard.forms import Form, validated
from api.schemas.ratings import RatingFields
from heartbeat.store.runs.ratings import Rating


def read_rating(form: Form, by: str = "") -> Rating:
    """Read what was pressed and written; raises `InvalidMany`."""
    fields = validated(RatingFields, form.filled("rating", "note"))
    return Rating(fields.liked, fields.note, by)
