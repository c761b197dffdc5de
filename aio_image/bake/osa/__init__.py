"""OpenStack-Ansible in an image: its sources, its own bootstrap scripts, and its playbooks."""
