"""firehose."""
