"""Knows the variables that Kubernetes gives to a container for each Service of its namespace.

A Service `tweetream-kafka` gives TWEETREAM_KAFKA_PORT=tcp://10.0.0.1:9092 and others, which look like settings. They
are told by form and value together, so that a misspelt setting is not taken for one.
"""

import re

from tweetream.models.setting_values import is_address

_SERVICE = r"TWEETREAM(?:_[A-Z0-9_]+?)?"
_PROTOCOL = "TCP|UDP|SCTP"
_URL = re.compile(rf"(?i:{_PROTOCOL})://(.+):([0-9]{{1,5}})")
_ENDS_IN_URL = re.compile(rf"{_SERVICE}_PORT(_[0-9]{{1,5}}_({_PROTOCOL}))?")
_HAS_ADDRESS = re.compile(rf"{_SERVICE}_(SERVICE_HOST|PORT_[0-9]{{1,5}}_({_PROTOCOL})_ADDR)")
_HAS_NUMBER = re.compile(rf"{_SERVICE}_(SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]{{1,5}}_({_PROTOCOL})_PORT)")
_HAS_PROTOCOL = re.compile(rf"{_SERVICE}_PORT_[0-9]{{1,5}}_({_PROTOCOL})_PROTO")


def is_service_link(name: str, value: str) -> bool:
    """Whether the variable is one of Kubernetes, by its name and its value."""
    if _is_url(value):  # all names of this form, since no setting is such an address
        return any(form.fullmatch(name) for form in (_ENDS_IN_URL, _HAS_ADDRESS, _HAS_NUMBER, _HAS_PROTOCOL))
    return bool(
        (_HAS_ADDRESS.fullmatch(name) and is_address(value))
        or (_HAS_NUMBER.fullmatch(name) and re.fullmatch("[0-9]{1,5}", value))
        or (_HAS_PROTOCOL.fullmatch(name) and re.fullmatch(f"(?i:{_PROTOCOL})", value))
    )


def _is_url(value: str) -> bool:
    found = _URL.fullmatch(value)
    return found is not None and is_address(found[1].strip("[]"))
