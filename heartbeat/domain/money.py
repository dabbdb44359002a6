"""What credits are worth: the price of one, as the operator sets it. Pure; money is integers of billionths."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

PRICE = re.compile(r"(\d{1,6}(?:\.\d{1,9})?) ?([A-Z]{3})")
NANO = 10**9


@dataclass(frozen=True)
class CreditPrice:
    """What a credit costs an owner: so many billionths of a currency (ISO 4217)."""

    nano: int
    currency: str

    @classmethod
    def read(cls, text: str) -> "CreditPrice":
        """Read "0.002 EUR"; raises `ValueError`."""
        match = PRICE.fullmatch(text.strip())
        if match is None:
            raise ValueError("must be a number and a currency, such as 0.002 EUR")
        return cls(int(Decimal(match[1]) * NANO), match[2])

    def amount(self, credits_: float) -> Decimal:
        """What so many credits cost, to a billionth."""
        nano = (Decimal(str(credits_)) * self.nano).quantize(Decimal(1), ROUND_HALF_UP)
        return nano / NANO

    def text(self, credits_: float) -> str:
        """The same in words for programs: 12 credits at 0.002 EUR are "0.024 EUR"."""
        return f"{self.amount(credits_).normalize():f} {self.currency}"


def dollars(nano_usd: int) -> str:
    """Format billionths of a US dollar as a decimal number: 1,250,000 are "0.00125"."""
    text = f"{Decimal(nano_usd).scaleb(-9):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
