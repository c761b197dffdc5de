"""Horizon's log-in as its pages have it (the mark-up of Debian 13's openstack-dashboard)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aio_image.health import horizon
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.target import Target

from .conftest import Answer, Service

LOGIN = """\
<html><body><form class="search" method="get" action="/x"><input name="q"></form>
<form id="" class="ng-pristine" method="POST" action="/horizon/auth/login/" autocomplete="on">
<input type="hidden" name="csrfmiddlewaretoken" value="token">
{error}
<input type="hidden" name="next" value="/horizon/">
<input type="text" name="username" autofocus><input type="password" name="password">
<select name="region"><option value="default">Default</option><option>other</option></select>
<input type="submit" name="go" value="Sign In"></form></body></html>
"""
PROJECT = "<html><body><span>admin</span><h1>Overview</h1></body></html>"


class Horizon:
    """Keeps the session in the path of its pages, as little as a browser needs."""

    def __init__(
        self,
        service: Service,
        *,
        lets_in: bool = True,
        project: str = PROJECT,
        leave: tuple[str, ...] = ("GET", "POST"),
    ) -> None:
        self.lets_in, self.leave = lets_in, leave
        self.project = project
        service.answer = self.answer

    def answer(self, method: str, path: str) -> Answer:
        if path == "/horizon/":
            return 302, "", {"Location": "/horizon/auth/login/?next=/horizon/"}
        if path.startswith("/horizon/auth/login/"):
            if method == "POST" and self.lets_in:
                headers = {"Location": "/horizon/project/", "Set-Cookie": "sessionid=s; Path=/"}
                return 302, "", headers
            error = '<div class="alert">Invalid credentials.</div>' if method == "POST" else ""
            return 200, LOGIN.format(error=error), {}
        if path == "/horizon/auth/logout/":
            return 200 if method in self.leave else 405, "", {}
        return 200, self.project, {"Set-Cookie": "csrftoken=new; Path=/"}


@pytest.fixture
def browser(target: Target, service: Service, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud whose Horizon is at ``service``, without TLS, which is not the matter here."""
    monkeypatch.setattr(Target, "url", lambda _self, _port, path: service.url + path)
    return Cloud(replace(target, ports={443: service.port}))


def test_logged_in(browser: Cloud, service: Service) -> None:
    Horizon(service)
    assert horizon.login(browser) == "logged in; /horizon/project/ shows the overview"
    assert service.asked[-1] == "GET /horizon/auth/logout/"


def test_logged_out_by_post_where_that_is_wanted(browser: Cloud, service: Service) -> None:
    Horizon(service, leave=("POST",))
    assert horizon.login(browser).startswith("logged in")
    assert service.asked[-1] == "POST /horizon/auth/logout/"


def test_not_let_in(browser: Cloud, service: Service) -> None:
    Horizon(service, lets_in=False)
    with pytest.raises(CheckFailed, match=r"did not let admin in: Invalid credentials\."):
        horizon.login(browser)


def test_no_overview(browser: Cloud, service: Service) -> None:
    Horizon(service, project="<html>Something went wrong!</html>")
    with pytest.raises(CheckFailed, match="does not show the project's overview"):
        horizon.login(browser)


def test_no_form(browser: Cloud, service: Service) -> None:
    service.answer = lambda _method, _path: (200, "<html>It works!</html>", {})
    with pytest.raises(CheckFailed, match="has no log-in form"):
        horizon.login(browser)


def test_the_form_is_read_as_a_browser_does() -> None:
    page = horizon._read(LOGIN.format(error=""))
    assert page.action == "/horizon/auth/login/"
    assert page.fields == {
        "csrfmiddlewaretoken": "token",
        "next": "/horizon/",
        "username": "",
        "password": "",
        "region": "default",
    }
