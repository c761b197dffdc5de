#!/usr/bin/python3
"""What a cloud holds from the start: flavors, an image, the external network. One process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.aio_cloud import ARGUMENTS, connect
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: cloud_content
short_description: make the flavors, the image and the external network of a new cloud
description:
  - Adds what is missing; what is there stays.
author: aio-image
options:
  auth_url: {description: Keystone's address., type: str, required: true}
  admin_password: {description: Of the user admin., type: str, required: true}
  region: {description: Region of the endpoints., type: str, required: true}
  flavors:
    description: Rows with name, ram (MiB), vcpus and disk (GiB).
    type: list
    elements: dict
    required: true
  image_name: {description: Name of the image., type: str, required: true}
  image_file: {description: QCOW2 file of the image, in the machine., type: path, required: true}
  network:
    description: The external network's cidr, gateway, first and last address.
    type: dict
    required: true
"""


def _flavors(cloud, params):
    made = []
    there = {flavor.name for flavor in cloud.compute.flavors()}
    for row in params["flavors"]:
        if row["name"] not in there:
            sizes = {key: int(row[key]) for key in ("ram", "vcpus", "disk")}
            cloud.compute.create_flavor(name=row["name"], **sizes)
            made.append(f"flavor {row['name']}")
    return made


def _image(cloud, params):
    name = params["image_name"]
    if cloud.image.find_image(name):
        return []
    image = cloud.image.create_image(
        name,
        filename=params["image_file"],
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        min_ram=96,
        hw_disk_bus="virtio",
        hw_vif_model="virtio",
        wait=True,
        validate_checksum=False,
    )
    return [f"image {image.name}"]


def _network(cloud, params):
    if cloud.network.find_network("public"):
        return []
    wanted = params["network"]
    network = cloud.network.create_network(
        name="public",
        is_router_external=True,
        is_shared=False,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    cloud.network.create_subnet(
        name="public",
        network_id=network.id,
        ip_version=4,
        cidr=wanted["cidr"],
        gateway_ip=wanted["gateway"],
        allocation_pools=[{"start": wanted["first"], "end": wanted["last"]}],
        is_dhcp_enabled=False,
    )
    return ["network public"]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "flavors": {"type": "list", "elements": "dict", "required": True},
            "image_name": {"type": "str", "required": True},
            "image_file": {"type": "path", "required": True},
            "network": {"type": "dict", "required": True},
        }
    )
    cloud = connect(module)
    made = []
    # Side by side: each of the three services is still being imported when it is first asked.
    with ThreadPoolExecutor(3) as pool:
        parts = [
            (name, pool.submit(part, cloud, module.params))
            for name, part in (("nova", _flavors), ("glance", _image), ("neutron", _network))
        ]
        for name, part in parts:
            try:
                made += part.result()
            except Exception as error:
                module.fail_json(msg=f"{name}: {error}")
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
