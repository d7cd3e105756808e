"""The worker's web side: REST, Server-Sent Events, the page. On Faust's aiohttp views."""
