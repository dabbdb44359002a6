"""The secret of a person's second factor, sealed for their row."""


def totp_row(user_uuid: str) -> str:
    """What the secret is sealed with."""
    return f"user:{user_uuid}:totp"
