"""Getting this machine ready to be a client of an appliance: its credentials, over ssh."""
