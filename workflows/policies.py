"""Retry policies. Constant and generous: a workflow must not read settings, so the activity steers.

It ends the retries with non-retryable errors and times them with `next_retry_delay`. Only a lost worker, which can
say nothing, is left to the policy's own interval: no reason to wait for longer than the server's floor.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

GENERATE = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=1.0,
    maximum_attempts=0,
    non_retryable_error_types=["PayloadsTooLarge"],  # the same answer would be as large, and cost as much
)

# Of an interrupt. Whoever stops a turn does not wait for long: rather an end that is not counted. But a server that
# stood still for a moment has the bill.
TALLY = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3)
TALLY_WITHIN = timedelta(seconds=5)
