"""The classifier: its features, its model, and how it is trained and measured. It knows no Kafka and no Faust."""
