"""Files, replayed as a stream."""
