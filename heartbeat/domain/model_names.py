"""Names of models: `provider:name` for what people write, and the one spelling under which rates and plans have it."""

PROVIDERS = ("openai", "anthropic", "google", "ollama", "local")
BARE_NAMES = (
    (("gpt-", "chatgpt-", "o1", "o3", "o4", "o5"), "openai"),
    (("claude-",), "anthropic"),
    (("gemini-",), "google"),
)


def full_name(name: str, default_provider: str) -> str:
    """`provider:name` for what somebody wrote: a bare name is known by its beginning, else it is of the default one."""
    name = name.strip()
    provider, _, rest = name.partition(":")
    provider, rest = provider.strip().lower(), rest.strip()
    if rest and provider in PROVIDERS:
        return f"{provider}:{rest}"
    for prefixes, provider_of_name in BARE_NAMES:
        if name.lower().startswith(prefixes):
            return f"{provider_of_name}:{name}"
    return f"{default_provider.lower()}:{name}"


def model_key(model: str) -> str:
    """The same text for every spelling of `provider:name` that the provider takes for one model."""
    provider, _, name = model.lower().partition(":")
    if provider == "google":
        name = name.removeprefix("models/")
    if provider == "ollama":
        name = name.removesuffix(":latest")
    return f"{provider}:{name}"


def every_model(model: str) -> str:
    """How rates and plans name all models of this one's provider."""
    return f"{model.partition(':')[0]}:*"
