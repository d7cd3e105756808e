"""`GET /alerts`: whether the alerts of topics' rules are sent. A rule can be set before they have an address."""

from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.settings import Settings
from tweetream.web.responses import json_response
from tweetream.web.schemas import AlertsAnswer

NO_ADDRESS = "no alert is sent now: set TWEETREAM_ALERT_URL for all workers, and start them again"


def alert_problem(known: Settings) -> str | None:
    """Why no alert is sent, by the settings of this worker; None if they are sent."""
    return None if known.alert_url.get_secret_value() else NO_ADDRESS


@app.page("/alerts")
class Alerts(View):
    """What becomes of the alerts."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        problem = alert_problem(settings)
        return json_response(AlertsAnswer(problem is None, problem))
