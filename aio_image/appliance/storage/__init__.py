"""Where the cloud keeps what is big: a data disk at /openstack, loop files on it, LVM, folders.

``attach`` and ``detach`` are aio-storage.service, ``look`` is ``aio storage``; docs/storage.md says
what is promised. What was made is in ``record``, and only what it says we made is ever made again.
"""
