"""What a word is in Unicode's scripts, and what the terms of a topic ask for."""
