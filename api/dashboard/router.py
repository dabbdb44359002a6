"""Every page of the dashboard."""

from fastapi import APIRouter

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

router = APIRouter()
for pages in (sign_in, project, actions, run, tasks, approvals, findings, tools, notifications, approval_link):
    router.include_router(pages.router)
