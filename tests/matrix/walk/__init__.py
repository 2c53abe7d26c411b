"""Every service and bundle walked through its pages against the demo's stage."""
