"""Checks of requests (sender, size), and security headers of responses.

A server on 127.0.0.1 can be reached from every page that its user has open. A page of another site
can send requests to it, or let its own host name resolve to 127.0.0.1 (DNS rebinding). Therefore
the Host must be one of the server's names, and the Origin, if there is one, must be this server.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data_pipeline.common.plain_text import one_line

MAX_BODY_BYTES = 1 << 19

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


def error(status: int, text: str) -> JSONResponse:
    """An error response of the API: one line."""
    return JSONResponse({"error": one_line(" ".join(text.split()))}, status)


class Guard:
    """Wraps the application; ``hosts``: allowed values of a request's Host, with the port."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject the request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refused = self._refusal(scope["method"], Headers(scope=scope))
        if refused is None and scope["method"] == "POST":
            body = await self._read(receive)
            if body is None:
                refused = self._too_large()
            else:
                receive = _replay(body)
        await (refused or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if host not in self._hosts:
            return error(403, f"expected a Host of {_either(self._hosts)}, found '{host[:80]}'")
        if origin is not None and origin.lower() != f"http://{host}":
            return error(403, f"expected the Origin http://{host}, found '{origin[:80]}'")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return error(403, "expected a request of this server's own page, found another site's")
        if method == "POST":
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return error(415, f"expected application/json, found '{kind[:80]}'")
            length = headers.get("content-length", "0")
            if not length.isdecimal() or len(length) > 12 or int(length) > self._max_body_bytes:
                return self._too_large()
        return None

    def _too_large(self) -> JSONResponse:
        return error(413, f"expected at most {self._max_body_bytes} bytes, found more")

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None if it is too large."""
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return body
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                return None
            if not message.get("more_body"):
                return body


def _either(hosts: Collection[str]) -> str:
    return " or ".join(sorted(hosts))


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
