"""Bluesky: all public posts, from a Jetstream server."""
