"""`tweetream token`: makes a named token, and its line for the file TWEETREAM_TOKENS.

The line goes to standard output, to be appended to the file. The token goes to standard error, so that it does not.
"""

import argparse
import sys

from tweetream.models.messages import fail
from tweetream.models.token import ROLES, BadTokens, new_token


def run(options: argparse.Namespace) -> None:
    """Print both."""
    try:
        token, named = new_token(options.name, ROLES[options.role])
    except BadTokens as error:
        fail(str(error))
    print(named.line)
    print(f"The token of {named.name}, shown only now: {token}", file=sys.stderr)
