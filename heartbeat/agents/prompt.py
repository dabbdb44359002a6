"""What a model is given at the start of a run."""

from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart


def opening(instruction: str, prompt: str) -> list[ModelMessage]:
    """The first messages of a run: the bot's instruction and the heartbeat's prompt."""
    return [ModelRequest(parts=[UserPromptPart(prompt)], instructions=instruction or None)]
