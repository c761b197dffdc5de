"""What an endpoint's first answer says of it."""

from __future__ import annotations

import pytest

from aio_image.health.client import CheckFailed, Cloud, Token
from aio_image.health.identity import endpoints

from .conftest import Service

UNSIGNED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>IncompleteSignature</Code>"
    "<Message>The request signature does not conform to AWS standards</Message></Error>"
    "</ErrorResponse>"
)
INVALID = UNSIGNED.replace("IncompleteSignature", "InvalidAction")


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [(200, "{}", {}), (300, "{}", {}), (401, "", {}), (400, UNSIGNED, {})],
)
def test_an_api_says_its_versions_or_asks_who_it_is(
    status: int, text: str, headers: dict[str, str], service: Service, cloud: Cloud
) -> None:
    cloud.token = Token("t", "p", {"cloudformation": f"{service.url}/v1"}, {})
    service.answer = lambda *_: (status, text, headers)
    assert endpoints(cloud) == "1 answer"
    assert service.asked == ["GET /v1/"]


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [(400, INVALID, {}), (400, "", {}), (404, "", {}), (503, "", {}),
     (401, "", {"X-AIO-Fence": "closed"})],
)  # fmt: skip
def test_what_else_answers_is_none(
    status: int, text: str, headers: dict[str, str], service: Service, cloud: Cloud
) -> None:
    cloud.token = Token("t", "p", {"cloudformation": f"{service.url}/v1"}, {})
    service.answer = lambda *_: (status, text, headers)
    with pytest.raises(CheckFailed, match="cloudformation: "):
        endpoints(cloud)
