"""OpenStack-Ansible: what its releases are and name, as data, and reading a release's own files."""
