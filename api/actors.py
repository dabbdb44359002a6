"""Who decided, held or rated, in the words that rows keep; pages translate them (`api/dashboard/sentences.py`)."""

BY_KEY = "a key of the project"
BY_VISITOR = "somebody in the dashboard"
BY_LINK = "the link of a message"
