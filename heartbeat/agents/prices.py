"""What requests really cost, from the price list that the model library brings."""

from functools import cache

from genai_prices import Usage, calc_price

NANO = 10**9


def cost_nano_usd(model: str, input_tokens: int, output_tokens: int) -> int:
    """Billionths of a US dollar for a request to `provider:name`; 0 for a model without a listed price."""
    provider, _, name = model.partition(":")
    if not input_tokens + output_tokens or not _is_listed(provider, name):
        return 0
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return round(calc_price(usage, name, provider_id=provider).total_price * NANO)


@cache
def _is_listed(provider: str, name: str) -> bool:
    try:
        calc_price(Usage(input_tokens=1, output_tokens=1), name, provider_id=provider)
    except LookupError:
        return False
    return True
