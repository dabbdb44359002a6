"""Every page of the dashboard."""

from api.dashboard.routes import (
    actions,
    approval_link,
    approvals,
    bot_form,
    bots,
    credits,
    findings,
    heartbeat_form,
    keys,
    notifications,
    project,
    rehearsals,
    run,
    run_actions,
    settings,
    sign_in,
    sign_in_link,
    targets,
    tasks,
    tools,
)

# Those that name what a form asks for come before those that take it for an id.
modules = (
    sign_in,
    rehearsals,
    heartbeat_form,
    sign_in_link,
    project,
    actions,
    run,
    run_actions,
    tasks,
    approvals,
    findings,
    bot_form,
    bots,
    tools,
    notifications,
    targets,
    credits,
    keys,
    settings,
    approval_link,
)
pages = [route for module in modules for route in module.router.routes]
