"""Swagger UI in a real browser, on a machine without internet."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.support.served_api import ServedApi

pytestmark = pytest.mark.browser


def test_swagger_ui_logs_in_and_lists_cameras(browser: Browser, api: ServedApi) -> None:
    site = f"http://127.0.0.1:{api.port}"
    status, camera = api.call("POST", "/cameras", {"name": "the gate", "url": "rtsp://u:p@192.0.2.1/"})
    assert status == 201, camera
    page = browser.new_page()
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{site}/")
    expect(page).to_have_url(f"{site}/docs")
    expect(page.locator(".info .title")).to_contain_text("camrec")

    page.locator(".auth-wrapper .authorize").click()
    bearer = page.locator(".auth-container").filter(has_text="bearer (http, Bearer)")
    bearer.locator("input").fill(api.token)
    bearer.locator("button.authorize").click()
    bearer.locator("button.btn-done").click()

    listing = page.locator("#operations-cameras-list_cameras")
    listing.locator(".opblock-summary").click()
    listing.get_by_role("button", name="Try it out").click()
    listing.get_by_role("button", name="Execute").click()
    answer = listing.locator(".live-responses-table .response").first
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text("the gate")
    expect(answer).to_contain_text("rtsp://***@192.0.2.1/")

    assert complaints == []
    assert all(url.startswith((site, "data:", "blob:")) for url in requested), requested
    assert any("/api/v1/cameras" in url for url in requested)
