"""Horizon, as a browser uses it: the form filled in, the session kept, the project page seen."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from aio_image.health.client import CheckFailed, Cloud

_HTTPS = 443
_CSRF = "csrftoken"
_NOT_ALLOWED = 405  # the method
_HINT = "tail /var/log/apache2/error.log on the appliance"


class _Page(HTMLParser):
    """The first log-in form of a page, its fields, and the page's text."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.text: list[str] = []
        self._in_form = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post" and self.action is None:
            self.action = given.get("action", "")
            self._in_form = True
        if not self._in_form:
            return
        if tag == "input" and given.get("name") and given.get("type") != "submit":
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given.get("name", "")
        # The first option, or the one that is marked, is what a browser would send.
        elif (
            tag == "option"
            and self._select
            and (self._select not in self.fields or "selected" in given)
        ):
            self.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(" ".join(data.split()))


def login(cloud: Cloud) -> str:
    """Log in by the form and see the project's overview with the user's name; then log out."""
    target = cloud.target
    start = target.url(_HTTPS, target.dashboard)
    first = cloud.raw("GET", start, ok=(200,), headers={"Accept": "text/html"})
    page = _read(first.text)
    if page.action is None or "csrfmiddlewaretoken" not in page.fields:
        raise CheckFailed(f"{first.url} has no log-in form", _HINT)
    fields = page.fields | {"username": target.user, "password": target.password}
    if "domain" in fields:
        fields["domain"] = target.domain
    sent = cloud.raw(
        "POST",
        urljoin(first.url, page.action),
        data=fields,
        # Django refuses a form over TLS that does not say which of its pages it came from.
        headers={"Referer": first.url, "Accept": "text/html"},
        ok=(200,),
    )
    if urlsplit(sent.url).path.rstrip("/").endswith("/auth/login"):
        raise CheckFailed(f"Horizon did not let {target.user} in: {_alert(sent.text)}", _HINT)
    if not cloud.session.cookies.get("sessionid"):
        raise CheckFailed("Horizon set no session cookie", _HINT)
    seen = cloud.raw("GET", urljoin(start, "project/"), ok=(200,), headers={"Accept": "text/html"})
    text = _read(seen.text).text
    if "/auth/login" in urlsplit(seen.url).path:
        raise CheckFailed("the session does not last: the project page asks to log in again", _HINT)
    if target.user not in text or not any("Overview" in one for one in text):
        raise CheckFailed(f"{seen.url} does not show the project's overview", _HINT)
    _leave(cloud, urljoin(start, "auth/logout/"), seen.url)
    return f"logged in; {urlsplit(seen.url).path} shows the overview"


def _leave(cloud: Cloud, url: str, page: str) -> None:
    """Log out, from ``page``. Horizon of 2026.1 insists on POST, which Django wants a token for."""
    taken = (200, _NOT_ALLOWED)
    if cloud.raw("GET", url, headers={"Referer": page}, ok=taken).status_code == _NOT_ALLOWED:
        tokens = [cookie.value or "" for cookie in cloud.session.cookies if cookie.name == _CSRF]
        headers = {"Referer": page, "X-CSRFToken": tokens[-1] if tokens else ""}
        cloud.raw("POST", url, headers=headers)


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


def _alert(html: str) -> str:
    """What the log-in page complains of; its words, without knowing its mark-up."""
    for line in _read(html).text:
        if any(word in line.lower() for word in ("invalid", "unable", "error", "expired")):
            return line[:200]
    return "no reason on the page"
