"""Routes of the API. An endpoint that takes the request alone is called with it, and nothing stands in between."""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CallRoute(APIRoute):
    """FastAPI looks for dependencies, a body and a model of the response each time, which costs a fifth of a read."""

    def get_route_handler(self) -> Handler:
        takes_request_alone = [*signature(self.endpoint).parameters] == ["request"]
        endpoint: Handler = self.endpoint
        return endpoint if takes_request_alone else super().get_route_handler()
