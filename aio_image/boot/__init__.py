"""Booting an image under libvirt and watching it become a cloud."""
