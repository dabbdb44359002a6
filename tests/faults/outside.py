"""What the product speaks to and is none of it: the model, the tool server, the webhook with its page."""

from contextlib import AbstractContextManager, ExitStack, closing
from types import TracebackType

from tests.faults.canaries import Canaries
from tests.faults.desk import Desk
from tests.faults.inbox import Inbox
from tests.faults.mind import Mind
from tests.support.model_server import ModelServer


class Outside(AbstractContextManager["Outside"]):
    """All of it on loopback, in threads of the test; what it does by chance comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.canaries = Canaries()
        self._open = ExitStack()
        self.model = self._open.enter_context(closing(ModelServer()))
        self.model.reply = Mind(seed)
        self.desk = self._open.enter_context(Desk(seed))
        self.inbox = self._open.enter_context(closing(Inbox(self.canaries.webhook)))

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
