"""A feed and its readers: record, ring, hub, cursor, subscription, pages, retractions. No Faust and no web here."""
