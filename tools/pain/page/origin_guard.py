"""Who may speak to the page's server: its own page in this machine's browser; from other machines, with a token.

Any page that a browser shows can send requests to 127.0.0.1. Three things keep strangers' pages out:
1. Host must name the address that is served, or a stranger could point a name of theirs at it (DNS rebinding).
2. Origin, and Sec-Fetch-Site, which browsers add and pages cannot change, must say that our page is asking; only the
   page itself may be opened from anywhere.
3. No CORS header is ever sent, and the page may neither be framed nor load anything from elsewhere.
"""
import hmac
import ipaddress
import socket

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
                               "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """An ASGI application that lets through to `app` what may pass, and gives every answer HEADERS.

    host, port: the address served; token: what must be shown, as ?token=... on the first visit and then as a cookie, or
    None on a loopback address.
    """

    def __init__(self, app, host: str, port: int, token: str | None = None):
        self.app, self.token, self.port = app, token, port
        self.cookie = "token_%d" % port  # cookies are a host's, whatever its port
        self.names = {host, "localhost"}
        self.remote = not is_loopback(host)
        if self.remote:
            self.names.add(socket.gethostname().lower())

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        answer = self.answer(HTTPConnection(scope))
        if scope["type"] == "websocket":
            if answer is not None:
                return await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP's 403
            return await self.app(scope, receive, send)

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)
        await (answer or self.app)(scope, receive, send_with_headers)

    def answer(self, request):
        """The response to a request that is not to reach the page, or None."""
        if not self.is_ours(request.headers.get("host", "")):
            return PlainTextResponse("This server answers only to the address it was started for.", 403)
        opens_page = (request.scope["type"], request.scope.get("method"), request.scope["path"]) == ("http", "GET", "/")
        if not opens_page and self.is_strange(request):
            return PlainTextResponse("Only the page that this server serves may ask for that.", 403)
        if self.token is None:
            return None
        if opens_page and self.is_token(request.query_params.get("token", "")):
            response = RedirectResponse("/", 303)  # so that the token does not stay in the address
            response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            return response
        if not self.is_token(request.cookies.get(self.cookie, "")):
            return PlainTextResponse("This page needs its token: open the whole address that was printed when it was "
                                     "started.", 401)

    def is_ours(self, host):
        """Whether the Host header names what is served. An address cannot be made to point elsewhere; a name can."""
        name, colon, port = host.lower().rpartition(":")
        if not colon or host.endswith("]"):
            name, port = host.lower(), "80"
        name = name.strip("[]")
        return port == str(self.port) and (
            name in self.names or is_loopback(name) or (self.remote and is_address(name)))

    def is_strange(self, request):
        """Whether a browser says that something other than our page is asking. What is no browser says nothing."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        typed = site == "none" and request.scope.get("method") in ("GET", "HEAD")  # into the address bar
        origin = request.headers.get("origin")
        own = "http://" + request.headers["host"].lower()
        return not (site == "same-origin" or typed) or (origin is not None and origin.lower() != own)

    def is_token(self, text):
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.token.encode())


def is_address(name: str) -> bool:
    """Whether this is an IP address."""
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
