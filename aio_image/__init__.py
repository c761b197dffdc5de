"""aio-image: builds, boots and proves OpenStack all-in-one appliances."""

__version__ = "0.1.0"
