"""The `ensemble` command: reads the configuration, calls the layers below, prints. Nothing imports it."""
