"""`python -m tweetream` is the command `tweetream`."""

from tweetream.cli.main import main

main()
