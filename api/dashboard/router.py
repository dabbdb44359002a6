"""Every page of the dashboard."""

from api.dashboard.routes import (
    actions,
    approval_link,
    approvals,
    bot_form,
    bots,
    findings,
    heartbeat_form,
    notifications,
    project,
    rehearsals,
    run,
    run_actions,
    sign_in,
    tasks,
    tools,
)

# Those that name what a form asks for come before those that take it for an id.
modules = (
    sign_in,
    rehearsals,
    heartbeat_form,
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
    approval_link,
)
pages = [route for module in modules for route in module.router.routes]
