"""Is this host fit to build and boot images? Named checks, each with how to mend what it finds."""
