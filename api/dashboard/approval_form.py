"""The buttons about an approval: what was said, and about credits how many are given."""

from dataclasses import dataclass

from api.dashboard.forms import Form, is_number
from api.schemas.approvals import DECISIONS
from heartbeat.domain.errors import Invalid
from heartbeat.store.runs.approvals import Decision
from heartbeat.store.runs.parks import BUDGET


@dataclass(frozen=True)
class DecisionForm:
    """What a person said; without `credits` as many are given as were asked for."""

    decision: Decision
    credits: int | None = None


def read_decision(form: Form) -> DecisionForm:
    """Read what was said; raises `Invalid`."""
    decision, amount = DECISIONS.get(form.get("decision", "")), form.get("credits")
    if decision is None:
        raise Invalid("decision", "must be approve or deny")
    if decision == "denied" or not amount:
        return DecisionForm(decision)
    if not is_number(amount):
        raise Invalid("credits", "must be a whole number")
    return DecisionForm(decision, int(amount))


def done(reason: str, decision: Decision) -> str:
    """Name the notice that tells what a decision did."""
    return decision if reason != BUDGET else {"approved": "given", "denied": "ended"}[decision]
