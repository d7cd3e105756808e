"""The data that rooms exchange: posts, topics, commands, batches, feed entries. No Faust here."""
