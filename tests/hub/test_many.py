"""More servers than the site has room for are refused, with a word when to come back."""

import httpx
import pytest
from trial import Person


def test_one_server_too_many(demo_hub):
    before = demo_hub.site.read_text()
    demo_hub.site.write_text(before.replace("  memory: 1G", "  memory: 1G\n  servers: 1"))
    ada, ben = Person(demo_hub, "ada"), Person(demo_hub, "ben")
    try:
        for person in (ada, ben):
            person.stop()
        demo_hub.again()
        ada.start()
        with pytest.raises(httpx.HTTPStatusError) as refused:
            ben.start()
        assert refused.value.response.status_code == 429
        assert "active user limit" in refused.value.response.json()["message"].lower()
        ada.stop()
        ben.start()  # there is room again
        ben.stop()
    finally:
        demo_hub.site.write_text(before)
        demo_hub.again()
        demo_hub.healthy()
