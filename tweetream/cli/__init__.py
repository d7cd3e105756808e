"""The command `tweetream`: one file for each subcommand, with its duty in `run(options)`. Imported when it runs."""
