"""How a secret may stand in what is kept or said."""

import base64


def forms(secret: str) -> list[bytes]:
    """The secret as it is, and inside of base64 wherever it may begin."""
    moved = (base64.b64encode(b"x" * shift + secret.encode()) for shift in range(3))
    return [secret.encode(), *(text[4:16] for text in moved)]
