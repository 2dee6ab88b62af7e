"""The operator of the network, who sees what came in: reports, and mail that waits in the panel."""

import re
from base64 import b64encode
from typing import Any

from playwright.sync_api import Playwright

PDS = "internal.hearth.pds"


class House:
    """Reads what the panel shows."""

    def __init__(self, driver: Playwright, pds: str, operator_token: str) -> None:
        basic = b64encode(f"admin:{operator_token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        self._http = driver.request.new_context(base_url=pds, extra_http_headers=headers)

    def reports(self) -> list[dict[str, Any]]:
        """Give the reports that wait."""
        found: list[dict[str, Any]] = self._get("listReports")["reports"]
        return found

    def code_mailed_to(self, recipient: str) -> str:
        """Give the code in the newest mail to an address."""
        mails = self._get("listMail")["mails"]
        bodies = [mail["body"] for mail in mails if mail["recipient"] == recipient]
        assert bodies, f"no mail to {recipient}"
        body = bodies[0]
        found = re.search(r"^\s*([a-zA-Z0-9]{5}-[a-zA-Z0-9]{5})\s*$", body, re.MULTILINE)
        assert found is not None, body
        return found[1]

    def look_after(self, did: str, **fixed: Any) -> None:
        """Fix what an account may see."""
        self._post("putWard", did=did, **fixed)

    def hand_over(self, did: str) -> None:
        """Let a member look after themselves."""
        self._post("releaseWard", did=did)

    def _post(self, method: str, **body: Any) -> None:
        answer = self._http.post(f"/xrpc/{PDS}.{method}", data=body)
        assert answer.ok, (method, answer.status, answer.text())

    def _get(self, method: str) -> Any:
        answer = self._http.get(f"/xrpc/{PDS}.{method}")
        assert answer.ok, (method, answer.status, answer.text())
        return answer.json()
