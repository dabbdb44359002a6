"""An HTTP response that cannot be endless: so many bytes, as sent and as decoded, and all of it until a deadline."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import httpcore2
import httpx2

ENCODINGS = ("gzip", "deflate")


class TooLarge(httpx2.TransportError):
    """The body, as sent or as decoded, is larger than the client takes."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The answer is larger than {max_bytes:,} bytes.")


class CappedBody(httpx2.AsyncByteStream):
    """The `parts` of a body as they were sent: at most `max_bytes`, none later than `deadline` on the loop's clock."""

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        close: Callable[[], Awaitable[None]],
        max_bytes: int | None,
        deadline: float | None = None,
    ) -> None:
        self._parts = parts
        self._close = close
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async with aclosing(self._parts) as parts:
            while True:
                async with until(self._deadline):
                    part = await anext(parts, None)
                if part is None:
                    return
                seen = _counted(seen, part, self._max_bytes)
                yield part

    async def aclose(self) -> None:
        await self._close()


class CappedResponse(httpx2.Response):
    """A response whose decoded body is counted while it is read: a small one may unpack to gigabytes."""

    max_bytes: int | None = None

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes]:
        seen = 0
        async with aclosing(super().aiter_bytes(chunk_size)) as parts:
            async for part in parts:
                seen = _counted(seen, part, self.max_bytes)
                yield part


def is_decodable(headers: httpx2.Headers) -> bool:
    """Whether the body is packed once at most, as was asked for: what is packed twice unpacks without a bound."""
    encodings = [name.strip().lower() for name in headers.get_list("content-encoding", split_commas=True)]
    return [name for name in encodings if name != "identity"] in ([], *([name] for name in ENCODINGS))


@asynccontextmanager
async def until(deadline: float | None) -> AsyncIterator[None]:
    """End what is inside at `deadline`, and raise what httpcore2 raises there as httpx2's error of that name."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise httpx2.ReadTimeout("The answer was not complete in time.") from None
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as problem:
        raise getattr(httpx2, type(problem).__name__)(str(problem)) from problem


def _counted(seen: int, part: bytes, max_bytes: int | None) -> int:
    seen += len(part)
    if max_bytes is not None and seen > max_bytes:
        raise TooLarge(max_bytes)
    return seen
