"""``python -m aio_image`` is the same as the ``aio-image`` command."""

import sys

from aio_image.cli.main import main

sys.exit(main())
