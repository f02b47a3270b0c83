"""A `ChatModel` behind a vLLM server that trajset starts, and starts again when it dies."""

from __future__ import annotations

import dataclasses

from .away import ServerAwayError
from .model import ChatRequest, ChatUnavailableError, Completion
from .openai_client import Endpoint, OpenAIChat
from .vllm_server import VllmServer

_NOTICED_S = 2.0
"""Within this time a server's death is noticed after a request that failed of it."""


class VllmChat:
    """Requests to a server of ours; while it is away they raise `ServerAwayError` at once.

    `endpoint` says the model and the patience; its URL is that of whichever server is up.
    """

    def __init__(self, server: VllmServer, endpoint: Endpoint) -> None:
        self._server, self._endpoint = server, endpoint
        self._clients: dict[int, OpenAIChat] = {}

    @property
    def name(self) -> str:
        """The model's name in the rows, the same as behind a server that somebody else started."""
        return self._endpoint.model

    @property
    def revision(self) -> str | None:
        """What the user says pins the model, or the Hub revision that is served."""
        return self._endpoint.revision

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message.

        Raises:
            ServerAwayError: the server is not up (the first request starts it), or died under the request.
            ServiceError: what `OpenAIChat` raises while the server is up.
        """
        if not self._server.is_up:
            raise ServerAwayError("The vLLM server is being started.", self._server.up, lost=False)
        start = self._server.starts
        try:
            return await self._client(start).complete(request)
        except ChatUnavailableError as error:
            if self._server.starts == start and not await self._server.falls(_NOTICED_S):
                raise
            text = f"The vLLM server died under a request ({error})."
            raise ServerAwayError(text, self._server.up, lost=True) from error

    async def aclose(self) -> None:
        """Stop the server, then close the connections."""
        await self._server.stop()
        for client in self._clients.values():
            await client.aclose()

    def _client(self, start: int) -> OpenAIChat:
        """The client of the server's n-th start: another one may listen on another port."""
        if start not in self._clients:
            url = f"http://127.0.0.1:{self._server.port}/v1"
            self._clients[start] = OpenAIChat(dataclasses.replace(self._endpoint, base_url=url))
        return self._clients[start]
