"""What holds for every test: how Hypothesis searches.

Everywhere with the same examples, so that a change is what makes a test fail; new ones are looked for with
`pytest --hypothesis-profile=explore`.
"""

from hypothesis import HealthCheck, settings

# Busy machines make generation slow and deadlines flaky: what is tested is what happens, not how soon.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("same", deadline=None, suppress_health_check=_SLOW, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, suppress_health_check=_SLOW)
settings.load_profile("same")
