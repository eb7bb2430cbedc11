"""New versions in, old versions out, with no request lost."""
