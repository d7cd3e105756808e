"""The command `tweetream`: one file a subcommand. What a subcommand needs is imported when it runs."""
