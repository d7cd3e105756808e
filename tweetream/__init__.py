"""Tweetream: live, classified topics from the stream of public posts on microblogs."""

__version__ = "0.1.0"
