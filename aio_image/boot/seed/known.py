"""What the appliance of an image knows, so that its configuration is judged before it boots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aio_image import deployers
from aio_image.appliance import overrides, table
from aio_image.appliance.config import Config, ConfigProblem, parse
from aio_image.appliance.ledger import Secret
from aio_image.appliance.problems import ApplianceProblem


@dataclass(frozen=True)
class Known:
    """``secrets`` by name; ``settles`` has the variables it takes, among others."""

    secrets: Mapping[str, Secret]
    settles: table.Table

    @classmethod
    def of(cls, deployer: str, services: Collection[str]) -> Known:
        """Of an image with ``services``, dormant ones too. KeyError: no such deployer."""
        facts = deployers.load(deployer)
        return cls(
            {
                one.name: Secret(
                    one.name, one.length, one.files, one.mariadb, one.keystone, one.pattern
                )
                for one in facts.secrets_of(services)
            },
            table.of(facts.settle_of(services)),
        )

    def read(self, data: bytes) -> Config:
        """The configuration ``data``. Raises ConfigProblem.

        What files on the appliance hold is not known here.
        """
        config = parse(data, self.secrets)
        try:
            overrides.render(config, self.settles, data.decode())
        except ApplianceProblem as problem:
            raise ConfigProblem(problem.message, details=problem.details) from None
        return config
