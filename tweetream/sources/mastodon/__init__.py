"""Mastodon: the public stream of a server, or one hashtag."""
