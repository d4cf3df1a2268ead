"""Retry policies. Constant and generous: a workflow must not read settings, so the activity steers.

It ends the retries with non-retryable errors and times them with `next_retry_delay`; a crash, which can say
nothing, gets the policy's own backoff.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

GENERATE = RetryPolicy(
    initial_interval=timedelta(seconds=1),  # the server's own floor
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
    non_retryable_error_types=["PayloadsTooLarge"],  # the same answer would be as large, and cost as much
)
