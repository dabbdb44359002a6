"""What credits cost, in the reader's language; nothing where the operator has set no price."""

from contextvars import ContextVar

from babel.numbers import format_currency

from api.dashboard.translations import ENGLISH, language
from api.dashboard.views import formats
from heartbeat.domain.money import CreditPrice

# Of less than one of a currency, parts of a cent are shown, too.
FINE = {ENGLISH: "¤#,##0.00##"}
FINE_AFTER = "#,##0.00##\N{NO-BREAK SPACE}¤"

_price: ContextVar[CreditPrice | None] = ContextVar("price", default=None)


def use(price: CreditPrice | None) -> None:
    """Make this the price of a credit for the request that is being handled."""
    _price.set(price)


def price(credits_: float | None) -> str:
    """Say what so many credits cost: "€0.24"; empty without a price, and for nothing."""
    if (each := _price.get()) is None or not credits_:
        return ""
    amount = each.amount(credits_)
    fine = None if amount >= 1 else FINE.get(language(), FINE_AFTER)
    return format_currency(amount, each.currency, fine, language(), currency_digits=fine is None)


def priced(credits_: int) -> str:
    """Write so many credits with what they cost: "120 (€0.24)"; without a price the number alone."""
    number, worth = formats.number(credits_), price(credits_)
    return f"{number} ({worth})" if worth else number
