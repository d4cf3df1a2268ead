"""The same job by `temporalio.contrib.workflow_streams`: every batch and every poll is in the workflow's history."""
