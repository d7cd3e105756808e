"""Alerts: the worker that runs the sources looks for what the topics' rules ask for, and tells a webhook."""
