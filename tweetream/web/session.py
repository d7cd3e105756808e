"""`/session`: lets a browser read where reading needs a token. A browser cannot send a header with an EventSource.

The cookie holds the token's read key, which opens reading alone. It is of no use for a change, so no other page can
make a visitor's browser change anything.
"""

from typing import Any

from aiohttp import hdrs, web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.models.token import Role, read_key
from tweetream.web.auth import access


@app.page("/session")
class Session(View):
    """Begin and end."""

    @override
    async def post(self, request: Any) -> web.StreamResponse:
        guard = access(settings)
        guard.authorize(request, Role.READ)
        response = web.Response(status=204)
        token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")[2].strip()
        if token:  # the loopback needs none where none is set
            key = read_key(token.encode(errors="surrogateescape"))
            secure = guard.is_secure(request)
            response.set_cookie(guard.cookie, key, httponly=True, samesite="Strict", secure=secure)
        return response

    @override
    async def delete(self, request: Any) -> web.StreamResponse:
        response = web.Response(status=204)
        response.del_cookie(access(settings).cookie)
        return response
