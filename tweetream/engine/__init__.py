"""Faust made safe: the only room that overrides Faust or mode. Application, consumer, worker, tables, snapshots."""
