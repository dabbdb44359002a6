"""Why somebody was not signed in by OpenID Connect, in words for them; what is the operator's is in the log."""

from heartbeat.domain.errors import Forbidden, Unavailable

AWAY = "The issuer that signs people in cannot be reached, or does not answer as it should. Try again in a minute."
AGAIN = "This sign-in was not begun in this browser, was finished already, or took more than ten minutes. Begin anew."
REFUSED = "The issuer did not let you in, or you broke off. Begin anew, or ask whoever runs it."
NOT_OURS = "What the issuer sent back is not an answer to this sign-in. Begin anew; the log says what was wrong."
UNUSABLE = "The issuer took you in, and sent what cannot be used here. Whoever runs Heartbeat finds in the log why."
NO_MEMBER = "You are signed in there, but a member of no project here. Ask an admin of your project to invite you."
TOO_MANY_GROUPS = (
    "You are in more groups than the issuer can name. Whoever runs it has to have it name those alone that are "
    "assigned to Heartbeat."
)

# Where another account at the issuer may be let in.
WITH_ANOTHER = {REFUSED, NO_MEMBER, TOO_MANY_GROUPS}
# What people who were sent here by nobody are told; these count as failures to get in. What the issuer itself sends us
# nobody invents: where it or we are set up wrongly, people of one address would make each other wait.
INVENTED = {AGAIN, NOT_OURS}


class IssuerAway(Unavailable):
    """503: the issuer did not answer, or with nothing that can be used. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__("issuer_unavailable", AWAY)
        self.reason = reason


class SignInRefused(Forbidden):
    """403: what came back from the issuer lets nobody in. `reason` is for the log, if it is worth a line there."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__("sign_in_refused", message)
        self.reason = reason
