"""What is installed into the image: first boot, status, credentials.

On an appliance this package is called ``aio_appliance`` and has Debian's Python, PyYAML and (as
keystone brings it) bcrypt to itself: imports are relative, and few, for it runs on slow machines.
"""
