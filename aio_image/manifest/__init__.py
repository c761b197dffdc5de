"""What is known about an image, and handing it over."""
