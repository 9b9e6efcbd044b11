"""The book on the hub itself: nobody, users or everyone reads it, as the site says."""

import httpx
import pytest
from browser import page_of
from laws import until
from playwright.sync_api import expect
from trial import Person


@pytest.fixture(scope="module")
def publish(demo_hub):
    """Say who reads the book, and bring it to the hub; afterwards it is nobody's again."""
    before = demo_hub.site.read_text()

    def to(readers):
        demo_hub.site.write_text(f"{before}\ndocs: {{readers: {readers}}}\n")
        demo_hub.cli("book")
        demo_hub.again()
        demo_hub.healthy()

    yield to
    demo_hub.site.write_text(before)
    demo_hub.again()
    demo_hub.healthy()


def read(demo, path="/docs", **options):
    return httpx.get(f"{demo.url}{path}", follow_redirects=True, timeout=20, **options)


ICON = "document.fonts.load('900 16px \"Font Awesome 6 Free\"').then(fonts => fonts.length)"


def sign_in(page, who):
    page.get_by_text("Sign in with GitHub stand-in").click()
    page.get_by_role("button", name=who).click()


def test_people_who_may_come_in_read_it_after_their_login(demo_hub, publish, browser, tmp_path):
    assert read(demo_hub).status_code == 404
    publish("users")
    with page_of(browser, tmp_path) as page:
        page.goto(f"{demo_hub.url}/docs")
        sign_in(page, "ben")
        expect(page.get_by_text("This is the book of the site")).to_be_visible(timeout=30_000)
        page.screenshot(path=tmp_path / "docs.png")
        assert page.evaluate(ICON) == 1  # else the notes show a box in place of the icon
        page.locator("a[href*='02_prepare_os']").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("02")
    with page_of(browser, tmp_path) as page:
        page.goto(f"{demo_hub.url}/docs")
        sign_in(page, "mallory")
        expect(page.get_by_role("heading")).to_have_text("You are not let in")
    files = "/services/docs/runbooks/02_prepare_os.html"
    assert "/hub/login" in str(read(demo_hub, files).url)
    token = {"Authorization": f"token {Person(demo_hub, 'ben').token()}"}
    assert "Roll back" in read(demo_hub, files, headers=token).text
    try:
        demo_hub.access("block", "ben")
        until(lambda: "Roll back" not in read(demo_hub, files, headers=token).text)
    finally:
        demo_hub.access("unblock", "ben")


def test_everyone_reads_it_if_the_site_says_so(demo_hub, publish):
    publish("everyone")
    page = read(demo_hub)
    assert page.status_code == 200
    assert page.url.path == "/services/docs/"
    assert "This is the book of the site" in page.text
