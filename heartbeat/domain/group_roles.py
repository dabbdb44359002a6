"""What the groups of an issuer of OpenID Connect let people do: pure, from claims to a role in each project."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, field_validator

from heartbeat.domain.people import MEMBER_ROLES

EVERYBODY = "*"


class GroupsUnknown(ValueError):
    """The issuer has not said which groups somebody is in, only where to ask for them."""


class GroupRole(BaseModel):
    """The role that a group has in a project, which is named by its public id."""

    project: str
    role: str

    @field_validator("role")
    @classmethod
    def _is_known(cls, role: str) -> str:
        if role not in MEMBER_ROLES:
            raise ValueError(f"must be one of {', '.join(MEMBER_ROLES)}")
        return role


def groups_of(claims: Mapping[str, Any], claim: str) -> list[str]:
    """Read the groups in `claim`, which is a name or a path such as `realm_access.roles`; without it none.

    Raises `GroupsUnknown` where there are too many for the token, as Entra ID says it.
    """
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and claim in elsewhere:
        raise GroupsUnknown
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    groups = [value] if isinstance(value, str) else value
    return [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []


def roles_by_project(groups: Sequence[str], mapping: Mapping[str, Sequence[GroupRole]]) -> dict[str, str]:
    """Map projects to the most that any of the groups may do there; `*` is the group of everybody."""
    roles: dict[str, str] = {}
    for group in (EVERYBODY, *groups):
        for given in mapping.get(group, ()):
            roles[given.project] = max(roles.get(given.project, MEMBER_ROLES[0]), given.role, key=MEMBER_ROLES.index)
    return roles
