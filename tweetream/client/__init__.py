"""For other programs: `tweetream.classify`, `posts` and `to_dataframe`. Needs no Kafka and no Faust."""
