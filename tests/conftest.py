"""What holds for every test: the same examples in every run, however slow the machine is, and no
credential that is seen afterwards (I10).
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.canary_watch import WatchPlugin, install

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    install()
    config.pluginmanager.register(WatchPlugin(), "canary-watch")
