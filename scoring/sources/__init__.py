"""What an input holds, by reference and in a fixed order: folders, lists, globs, tars and Parquet tables."""
