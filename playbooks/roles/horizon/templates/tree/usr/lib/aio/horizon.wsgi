"""Horizon, imported as the APIs are (service.wsgi): Apache gives its applications no environment."""

import os
import runpy

os.environ["AIO_WSGI"] = "/usr/share/openstack-dashboard/wsgi.py"
application = runpy.run_path("/usr/lib/aio/service.wsgi", run_name="aio_horizon")["application"]
