"""What an image carries so that it needs no network: Debian packages and Python wheels."""
