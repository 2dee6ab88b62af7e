"""The way back to an app: with a code, or with an error.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2 https://www.rfc-editor.org/rfc/rfc9207
"""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from appliance.pds.account_pages.asking import leading_out
from appliance.pds.account_pages.visit import Visit
from appliance.pds.oauth.requests import Asked


def with_code(visit: Visit, asked: Asked, code: str) -> web.Response:
    return _back(visit, asked, {"code": code})


def with_error(visit: Visit, asked: Asked, error: str, description: str) -> web.Response:
    return _back(visit, asked, {"error": error, "error_description": description})


def _back(visit: Visit, asked: Asked, told: Mapping[str, str]) -> web.Response:
    told = {"iss": visit.pds.oauth.issuer, "state": asked.state, **told}
    if asked.response_mode == "form_post":
        page = visit.page("oauth/form_post", target=asked.redirect_uri, fields=told)
        return leading_out(visit, page)
    return visit.go(_address(asked, urlencode(told)))


def _address(asked: Asked, told: str) -> str:
    if asked.response_mode == "fragment":
        return f"{asked.redirect_uri}#{told}"
    joint = "&" if urlsplit(asked.redirect_uri).query else "?"
    return f"{asked.redirect_uri}{joint}{told}"
