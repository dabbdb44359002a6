"""Every page of the dashboard."""

from api.dashboard.routes import (
    actions,
    approval_link,
    approvals,
    findings,
    heartbeat_form,
    notifications,
    project,
    run,
    sign_in,
    tasks,
    tools,
)

modules = (
    sign_in,
    heartbeat_form,
    project,
    actions,
    run,
    tasks,
    approvals,
    findings,
    tools,
    notifications,
    approval_link,
)
pages = [route for module in modules for route in module.router.routes]
