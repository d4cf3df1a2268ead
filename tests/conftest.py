"""What holds for every test: how Hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

# Busy machines make generation slow and deadlines flaky: what is tested is what happens, not how soon.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("dev", deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", deadline=None, suppress_health_check=_SLOW, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")  # noqa: TID251 - a test run is a composition root
