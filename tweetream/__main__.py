"""`python -m tweetream` is the command `tweetream`."""

from tweetream.cli import main

main()
