"""What MariaDB is told at first boot: new passwords of its accounts and of keystone's users, and
the public host in keystone's endpoints.

The statements wait in a file until mariadb.service starts; its drop-in has ``apply-database`` run
them as root through the socket before anything that needs the database starts. Every statement
may run twice. The file spells hashes only, never a password.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .ledger import Ledger
from .problems import ApplianceProblem

# A drawn secret has 238 bits: no number of rounds makes it harder to guess, and each round is paid
# at every token. What a person chose, and may be weak, gets keystone's own default.
_ROUNDS_STRONG = 4
_ROUNDS_CHOSEN = 12
_STRONG = 24  # letters and digits: 142 bits


# The first line of what is more than a new host: without it, applying again would undo a password
# that its owner changed since.
_WHOLE = "-- First boot: passwords and the public host."


def is_whole(sql: str) -> bool:
    """Whether ``sql`` is first boot's, not a mere change of the public host."""
    return sql.startswith(_WHOLE)


def endpoints(ledger: Ledger, host_in_url: str) -> str:
    """The SQL that has keystone's public endpoints name another host, and its check."""
    change, check = _endpoints(ledger, host_in_url)
    return "\n".join(["USE keystone;", change, check, ""])


def statements(ledger: Ledger, values: Mapping[str, str], host_in_url: str) -> str:
    """The SQL for ``values`` (secret name → value). Each check it ends with prints ``ok``."""
    accounts: list[str] = []
    users: list[str] = []
    checks: list[str] = []
    for secret in ledger.secrets.values():
        value = values[secret.name]
        for account in secret.mariadb:
            user, host = _halves(account)
            accounts.append(
                f"ALTER USER {_text(user)}@{_text(host)}"
                f" IDENTIFIED VIA mysql_native_password USING {_text(mariadb_hash(value))};"
            )
        for account in secret.keystone:
            user, domain = _halves(account)
            # Domains but the default one may have an id that keystone drew: then by name.
            called = f"SELECT id FROM project WHERE is_domain = 1 AND name = {_text(domain)}"
            where = f"name = {_text(user)} AND domain_id IN ({_text(domain)}, ({called}))"
            users.append(
                "UPDATE password JOIN local_user ON local_user.id = password.local_user_id"
                f" SET password_hash = {_text(keystone_hash(value))} WHERE {where};"
            )
            missing = _text(f"keystone has no user {user} in domain {domain}")
            checks.append(
                "SELECT IF((SELECT COUNT(*) FROM password JOIN local_user ON local_user.id ="
                f" password.local_user_id WHERE {where}) > 0, 'ok', {missing});"
            )
    change, check = _endpoints(ledger, host_in_url)
    body = [_WHOLE, "USE keystone;", "START TRANSACTION;", *users, change, "COMMIT;", *accounts]
    return "\n".join([*body, *checks, check, ""])


def _endpoints(ledger: Ledger, host_in_url: str) -> tuple[str, str]:
    # By pattern and not by the placeholder, so that it may run again with another host.
    target = _text("https://" + host_in_url.replace("\\", ""))
    change = (
        rf"UPDATE endpoint SET url = REGEXP_REPLACE(url, '^https://(\\[[^]]*\\]|[^/:]*)', {target})"
        " WHERE interface = 'public';"
    )
    placeholder = ledger.endpoint_host
    check = (
        f"SELECT IF((SELECT COUNT(*) FROM endpoint WHERE url LIKE '%{placeholder}%') = 0,"
        " 'ok', 'an endpoint still names the placeholder host');"
    )
    return change, check


def mariadb_hash(password: str) -> str:
    """As mysql_native_password stores it: ``*`` and SHA1(SHA1(password)) in upper-case hex."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def keystone_hash(password: str) -> str:
    """As keystone's default password_hash_algorithm stores it: bcrypt, ``$2b$``."""
    import bcrypt  # noqa: PLC0415 - keystone brings it; a machine that never personalises needs none

    rounds = _ROUNDS_STRONG if len(password) >= _STRONG else _ROUNDS_CHOSEN
    return str(bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode("ascii"))


def _halves(account: str) -> tuple[str, str]:
    user, at, place = account.rpartition("@")
    if not (user and at and place):
        raise ApplianceProblem(f"ledger: {account!r} is not user@place")
    return user, place


def _text(value: str) -> str:
    if "'" in value or "\\" in value:
        raise ApplianceProblem(f"{value!r} cannot be written in SQL")
    return f"'{value}'"
