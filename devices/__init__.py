"""Hardware of the machine: one folder per device, each with codec, driver, status and sim."""
