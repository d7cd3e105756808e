"""The classifier: its model, what it sees of a text, and how it is trained and measured. No Kafka, no Faust here."""
