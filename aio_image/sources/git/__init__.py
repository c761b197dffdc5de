"""Git repositories as sources: where each is fetched from, and shallow copies of what is used."""
