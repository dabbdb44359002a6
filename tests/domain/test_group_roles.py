"""Groups of an issuer, as real ones send them, made into roles in projects."""

import pytest

from heartbeat.domain.group_roles import GroupRole, GroupsUnknown, groups_of, roles_by_project

OPS = GroupRole(project="proj_a", role="operator")
ADMIN = GroupRole(project="proj_a", role="admin")
VIEWER = GroupRole(project="proj_b", role="viewer")


def test_groups_are_read_as_issuers_send_them() -> None:
    assert groups_of({"groups": ["a", "b"]}, "groups") == ["a", "b"]
    assert groups_of({"groups": "a"}, "groups") == ["a"]
    assert groups_of({"realm_access": {"roles": ["a"]}}, "realm_access.roles") == ["a"]
    assert groups_of({"https://example.com/groups": ["a"]}, "https://example.com/groups") == ["a"]
    for nothing in ({}, {"groups": None}, {"groups": {}}, {"groups": 7}, {"groups": [7, None]}):
        assert groups_of(nothing, "groups") == []


def test_too_many_groups_for_a_token_are_not_none() -> None:
    claims = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://example.com"}}}
    with pytest.raises(GroupsUnknown):
        groups_of(claims, "groups")
    for odd in (7, True, "groups", ["groups"]):
        assert groups_of({"_claim_names": odd, "groups": ["ops"]}, "groups") == ["ops"]


def test_the_most_that_any_group_gives_counts() -> None:
    mapping = {"ops": [OPS, VIEWER], "admins": [ADMIN]}
    assert roles_by_project(["ops"], mapping) == {"proj_a": "operator", "proj_b": "viewer"}
    for groups in (["admins", "ops"], ["ops", "admins"]):
        assert roles_by_project(groups, mapping) == {"proj_a": "admin", "proj_b": "viewer"}
    assert roles_by_project(["others"], mapping) == roles_by_project(["*"], mapping) == {}


def test_everybody_is_in_one_group() -> None:
    assert roles_by_project([], {"*": [VIEWER]}) == {"proj_b": "viewer"}


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of viewer, operator, editor, admin"):
        GroupRole(project="proj_a", role="owner")
