"""Addresses, scrubbing, the database's statements, the backing file of cinder's volumes."""

from __future__ import annotations

import base64
import pickle
import subprocess
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance import addresses, database, scrub, user_secrets
from aio_image.appliance.addresses import Machine, NoAddress
from aio_image.appliance.config import Chosen, Config, Network
from aio_image.appliance.layout import Layout
from aio_image.appliance.ledger import Ledger, Secret
from aio_image.appliance.problems import ApplianceProblem

ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
ens4	00000000	0101A8C0	0003	0	0	200	00000000	0	0	0
ens3	00000000	0100A8C0	0003	0	0	100	00000000	0	0	0
ens3	0000A8C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
"""
ROUTES6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000400 00000001 00000000 00450003     ens5\n"
)


def proc(tmp_path: Path, route: str = "", route6: str = "", inet6: str = "") -> Machine:
    (tmp_path / "net").mkdir()
    for name, text in (("route", route), ("ipv6_route", route6), ("if_inet6", inet6)):
        (tmp_path / "net" / name).write_text(text)
    return Machine(tmp_path, tmp_path / "sys")


def test_the_default_route_with_the_lowest_metric(tmp_path: Path) -> None:
    assert addresses.default_interface(proc(tmp_path, ROUTES, ROUTES6)) == "ens3"


def test_the_default_route_of_ipv6_where_there_is_no_other(tmp_path: Path) -> None:
    assert addresses.default_interface(proc(tmp_path, ROUTES.splitlines()[0], ROUTES6)) == "ens5"


def test_no_default_route(tmp_path: Path) -> None:
    assert addresses.default_interface(proc(tmp_path)) is None
    assert addresses.default_interface(Machine(tmp_path / "absent")) is None


def test_the_address_asked_for_wins() -> None:
    found = addresses.find(Config(public_address="203.0.113.5", fqdn="cloud.example.org"))
    assert (found.address, found.host, found.warning) == ("203.0.113.5", "cloud.example.org", "")


def card(machine: Machine, name: str, *, real: bool = True, carrier: str = "1") -> None:
    """A network interface as sysfs shows it: a real card, or one of the cloud's own."""
    place = machine.net / name
    place.mkdir(parents=True)
    facts = {"type": "1", "ifindex": "2", "iflink": "2", "carrier": carrier}
    for fact, value in facts.items():
        (place / fact).write_text(f"{value}\n")
    if real:
        (place / "device").mkdir()


def test_a_pair_with_both_ends_here_is_the_clouds_own(tmp_path: Path) -> None:
    machine = proc(tmp_path)
    # br-vlan-veth and eth12 of OpenStack-Ansible; host0 of a container, a VLAN, a card.
    for name, index, link in (
        ("br-vlan-veth", 7, 6), ("eth12", 6, 7), ("host0", 2, 6), ("ens3", 3, 3), ("ens3.5", 4, 3),
    ):  # fmt: skip
        card(machine, name, real=name == "ens3")
        (machine.net / name / "ifindex").write_text(f"{index}\n")
        (machine.net / name / "iflink").write_text(f"{link}\n")
    assert addresses.cards(machine) == ["ens3", "ens3.5", "host0"]


def test_an_interface_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    machine = proc(tmp_path)
    card(machine, "ens3")
    card(machine, "br-ex", real=False)
    with pytest.raises(NoAddress) as caught:
        addresses.find(Config(public_interface="nosuch0"), machine)
    assert caught.value.interface == "nosuch0"
    assert caught.value.why == "there is no such interface (there are: ens3)"


@pytest.mark.parametrize(
    ("carrier", "why"), [("1", "DHCP has not answered"), ("0", "no cable is connected")]
)
def test_a_card_without_an_address_is_waited_for(tmp_path: Path, carrier: str, why: str) -> None:
    machine = proc(tmp_path)
    card(machine, "ens3", carrier=carrier)
    with pytest.raises(NoAddress) as caught:
        addresses.find(Config(), machine)
    assert (caught.value.interface, caught.value.why) == ("ens3", why)
    # Its owner may know better than the card: a NAT's address, or one that is still to be set.
    assert addresses.find(Config(public_address="192.0.2.1"), machine).address == "192.0.2.1"
    static = Config(network=Network(address="192.0.2.2/24"))
    assert addresses.find(static, machine).address == "192.0.2.2"


INET6 = (
    "20010db8000000000000000000000003 02 40 00 80     ens3\n"
    "20010db8000000000000000000000004 03 40 00 80     ens4\n"
    "20010db8000000000000000000000009 04 40 00 80    br-ex\n"
)


def test_the_interface_of_earlier_boots_is_preferred(tmp_path: Path) -> None:
    machine = proc(tmp_path, inet6=INET6)
    for name in ("ens3", "ens4"):
        card(machine, name)
    card(machine, "br-ex", real=False)
    found = addresses.find(Config(), machine, prefer="ens4")
    assert (found.address, found.interface) == ("2001:db8::4", "ens4")
    assert "2001:db8::9" not in found.others, "what is the cloud's own is no name of the appliance"
    assert addresses.find(Config(), machine, prefer="gone0").interface == "ens3"
    card(machine, "ens5", carrier="0")
    with pytest.raises(NoAddress):
        addresses.find(Config(), machine, prefer="ens5")


def test_a_machine_without_a_card_is_reached_at_home(tmp_path: Path) -> None:
    found = addresses.find(Config(), proc(tmp_path))
    assert found.address == "127.0.0.1"
    assert "no network card" in found.warning


def test_ipv6_addresses_of_global_scope_count(tmp_path: Path) -> None:
    inet6 = (
        "20010db8000000000000000000000001 02 40 00 80     ens9\n"
        "fe800000000000000000000000000001 02 40 20 80     ens9\n"
    )
    found = addresses.interface_addresses(proc(tmp_path, inet6=inet6))
    assert found["ens9"] == ["2001:db8::1"]


def test_a_host_in_a_url() -> None:
    assert addresses.PublicHost("2001:db8::1", "2001:db8::1", ()).in_url == "[2001:db8::1]"


@settings(deadline=None)
@given(
    value=st.from_regex(r"[A-Za-z0-9._~-]{8,72}", fullmatch=True),
    before=st.binary(max_size=10),
    after=st.binary(max_size=10),
)
def test_base64_of_a_secret_is_found_wherever_it_stands(
    value: str, before: bytes, after: bytes
) -> None:
    encoded = base64.b64encode(before + value.encode() + after)
    assert any(spelling in encoded for spelling in scrub.spellings(value)[1:])
    assert all(len(spelling) >= 9 for spelling in scrub.spellings(value)[1:])


def test_every_copy_of_a_chosen_secret_is_overwritten(image: Layout) -> None:
    secret = "chosen.by-hand~1"
    folder = image.at("/var/lib/cloud/instances/iid")
    folder.mkdir(parents=True)
    pickled = folder / "obj.pkl"
    pickled.write_bytes(pickle.dumps({"raw": f"a {secret} b".encode(), "n": 1}))
    (folder / "user-data.txt").write_text(f"x: {secret}")
    encoded = base64.b64encode(f"password: {secret}\n".encode())
    (folder / "cloud-config.txt").write_bytes(b"content: " + encoded)
    image.at("/var/lib/cloud/instance").symlink_to(folder)
    (folder / "elsewhere").symlink_to("/etc/passwd")
    assert scrub.scrub_copies(image, [secret]) == 3
    assert pickle.loads(pickled.read_bytes()) == {"raw": b"a " + b"x" * 16 + b" b", "n": 1}
    assert (folder / "user-data.txt").read_text() == "x: " + "x" * 16
    again = base64.b64decode((folder / "cloud-config.txt").read_bytes()[9:])
    assert secret.encode()[2:-2] not in again
    assert scrub.scrub_copies(image, [secret]) == 0


def test_what_mariadb_calls_a_password() -> None:
    # SELECT PASSWORD('password') of MariaDB 11.8
    assert database.mariadb_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"


def test_what_keystone_calls_a_password() -> None:
    drawn, chosen = "a" * 40, "short-one"
    for password, rounds in ((drawn, b"$2b$04$"), (chosen, b"$2b$12$")):
        made = database.keystone_hash(password).encode()
        assert made.startswith(rounds)
        assert bcrypt.checkpw(password.encode(), made)


def test_nothing_of_a_ledger_can_end_a_string_in_sql() -> None:
    secret = Secret("x", 40, (), ("a'b@localhost",), ())
    with pytest.raises(ApplianceProblem, match="cannot be written"):
        database.statements(Ledger("0", {"x": secret}, "h"), {"x": "v" * 8}, "h")


def test_owner_s_own_secrets_are_kept_and_what_cannot_be_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "user_secrets.yml"
    ledger = Ledger("0", {"a": Secret("a", 40, (), (), ()), "b": Secret("b", 32, (), (), ())}, "h")
    path.write_text("a: 1234567890\nheat_service_password: other\n")
    values = user_secrets.settle(path, ledger, {})
    assert (values["a"], values["heat_service_password"]) == ("1234567890", "other")
    assert len(values["b"]) == 32
    assert user_secrets.settle(path, ledger, {}) == values
    path.write_text("a: 'with blanks in it'\n")
    with pytest.raises(ApplianceProblem) as caught:
        user_secrets.settle(path, ledger, {})
    assert "with blanks" not in str(caught.value.details)


def test_the_appliance_needs_nothing_but_python_and_yaml() -> None:
    """In the image there is no ``aio_image``: the package has to work under its other name."""
    folder = Path(scrub.__file__).parent
    program = (
        "import importlib.util, sys, pathlib\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "spec = importlib.util.spec_from_file_location('aio_appliance', folder / '__init__.py',"
        " submodule_search_locations=[str(folder)])\n"
        "sys.modules['aio_appliance'] = importlib.util.module_from_spec(spec)\n"
        "for path in folder.glob('*.py'):\n"
        "    importlib.import_module('aio_appliance.' + path.stem)\n"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('aio_image', 'pydantic')))\n"
    )
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", program, folder],
        cwd="/", env={"PATH": str(Path(__import__("sys").executable).parent)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_a_secret_that_its_service_cannot_use_is_refused(tmp_path: Path) -> None:
    """Chosen, or found in user_secrets.yml; what is drawn fits."""
    secret = Secret("key", 32, (), (), (), pattern=".{32}")
    ledger = Ledger("0123456789abcdef", {"key": secret}, "aio-canary.invalid")
    path = tmp_path / "user_secrets.yml"
    chosen = {"key": Chosen("much-too-short", None)}
    with pytest.raises(ApplianceProblem, match=r"^secrets\.key: must match \.\{32\}$"):
        user_secrets.settle(path, ledger, chosen)
    assert not path.exists()
    assert len(user_secrets.settle(path, ledger, {})["key"]) == 32
    path.write_text("key: much-too-short\n")
    with pytest.raises(ApplianceProblem, match=r"user_secrets\.yml: key: must match"):
        user_secrets.settle(path, ledger, {})
