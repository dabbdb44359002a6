"""Every page of the dashboard."""

from api.dashboard.routes import (
    actions,
    approval_link,
    approvals,
    findings,
    notifications,
    project,
    run,
    sign_in,
    tasks,
    tools,
)

modules = (sign_in, project, actions, run, tasks, approvals, findings, tools, notifications, approval_link)
pages = [route for module in modules for route in module.router.routes]
