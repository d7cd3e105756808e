"""A Python process whose clock is CLOCK_AHEAD seconds ahead: this folder is first on its path. Limits: `time` alone."""

import os
import time

_AHEAD = int(float(os.environ.get("CLOCK_AHEAD", "0")) * 1_000_000_000)
_time_ns = time.time_ns

time.time_ns = lambda: _time_ns() + _AHEAD
time.time = lambda: time.time_ns() / 1_000_000_000
