"""What travels between the rooms: posts, topics, commands, batches, feed entries. No Faust here."""
