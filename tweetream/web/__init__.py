"""The web side of a worker, on Faust's aiohttp views: REST, Server-Sent Events, the page."""
