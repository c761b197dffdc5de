"""The API that AIO_WSGI names (a WSGI script), imported with Python's collector at rest.

An import makes half a million objects that all stay; looking through them for garbage again and
again is a seventh of its processor time, and there is none to find. What is there afterwards is
never looked at again.
"""

import gc
import os
import runpy

gc.disable()
application = runpy.run_path(os.environ["AIO_WSGI"], run_name="aio_service")["application"]
gc.freeze()
gc.enable()
