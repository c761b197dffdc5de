"""OpenStack-Ansible run on the appliance itself: at a staged image's first boot, and by ``aio``."""
