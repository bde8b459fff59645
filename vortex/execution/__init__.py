"""S3: order and position state machines, client order ids, fencing, throttling."""
