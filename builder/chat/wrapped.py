"""What a chat model laid around another one takes over from it."""

from __future__ import annotations

from dataclasses import dataclass

from .model import ChatModel


@dataclass(frozen=True, slots=True)
class WrappedChat:
    """Base of a `ChatModel` around another: it has the inner one's name and revision, and closes it."""

    inner: ChatModel

    @property
    def name(self) -> str:
        """The inner model's."""
        return self.inner.name

    @property
    def revision(self) -> str | None:
        """The inner model's."""
        return self.inner.revision

    async def aclose(self) -> None:
        """Close the inner model."""
        await self.inner.aclose()
