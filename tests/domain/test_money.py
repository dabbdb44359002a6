"""What credits are worth."""

import pytest

from heartbeat.domain.money import CreditPrice
from heartbeat.settings import Settings


@pytest.mark.parametrize(
    ("price", "credits_", "text"),
    [
        ("0.002 EUR", 12, "0.024 EUR"),
        ("0.002EUR", 0, "0 EUR"),
        (" 1 USD ", 1500, "1500 USD"),
        ("0.000000001 JPY", 1, "0.000000001 JPY"),
        ("0.01 CHF", 43.5, "0.435 CHF"),
        ("0.333333333 EUR", 1.5, "0.5 EUR"),
        ("999999 EUR", 2**31, "2147481500516352 EUR"),
    ],
)
def test_what_credits_cost(price: str, credits_: float, text: str) -> None:
    assert CreditPrice.read(price).text(credits_) == text
    assert Settings(_env_file=None, currency_per_credit=price).price(credits_) == text


@pytest.mark.parametrize("text", ["", "EUR", "0.002", "0.002 eur", "-1 EUR", "1,5 EUR", "1e3 EUR", "0.0000000001 EUR"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 0\.002 EUR"):
        CreditPrice.read(text)
    if text:
        with pytest.raises(ValueError, match="currency_per_credit"):
            Settings(_env_file=None, currency_per_credit=text)


def test_nothing_costs_anything_without_a_price() -> None:
    assert Settings(_env_file=None).price(12) is None
