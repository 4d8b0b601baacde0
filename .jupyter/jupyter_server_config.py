"""Settings for `make jupyter`: this machine only, with a token, also as root in a container."""

import os

c = get_config()  # noqa: F821  (Jupyter provides it)
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.allow_root = hasattr(os, "geteuid") and os.geteuid() == 0
