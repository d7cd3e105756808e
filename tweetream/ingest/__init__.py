"""Runs the sources on the one worker that owns them, and makes batches from their posts."""
