"""Runs the sources on the one worker that owns them, and makes batches of posts of what they give."""
