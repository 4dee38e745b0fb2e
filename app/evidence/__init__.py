"""Files that prove something: checked by content, kept by digest, opened under audit."""
