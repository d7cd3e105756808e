"""The archive: every post of all feeds, in SQLite, PostgreSQL or Parquet files, for as long as its owner wants."""
