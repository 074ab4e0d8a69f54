"""What a browser finds on a site. It runs in `.venv-parity`, where Concord3D is not installed.

    browsing.py <site> <browser> <pictures>

It opens every kind of page from the folder and under a path of a server, at the width of a desk and of a phone, and
prints what it found as JSON; pictures of the viewer go to the folder ``pictures``.
"""

from __future__ import annotations

import json
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Request, TimeoutError, sync_playwright

WIDTHS = {"desk": 1280, "phone": 390}
# Words of the results, of a guide and of the API.
WORDS = ("accuracy", "Satterthwaite", "load_encoder")
# Draws in software where there is no graphics card.
ARGUMENTS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")

# Without a graphics card, and beside other work, a page with the viewer takes a while.
PATIENCE_MS = 300_000
SETTLING_MS = 4_000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _serve(folder: Path) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _pages(site: Path) -> list[str]:
    """Return one page of each kind, of the first paper, all guides and pages of the API, the front page, the viewer."""
    paper = sorted(path.parent for path in site.glob("*/*/claims.html"))[0]
    names = ["index", "claims", "figures", "audit", "ledger", "tables/index", "runs/index"]
    found = [paper / f"{name}.html" for name in names]
    found += [max((paper / kind).glob("*.html"), key=lambda path: path.stat().st_size) for kind in ("tables", "runs")]
    found += [*sorted(site.glob("guides/*.html")), *sorted(site.glob("api/*.html"))]
    return ["index.html", "viewer.html", *(str(path.relative_to(site)) for path in found)]


def _opened(browser: Browser, width: int, complaints: list[str]) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", partial(_failed, complaints))
    return page


def _failed(complaints: list[str], request: Request) -> None:
    # A browser drops what it has not needed yet when it goes to the next page.
    if request.failure != "net::ERR_ABORTED":
        complaints.append(f"{request.url}: {request.failure}")


def _look(page: Page, address: str) -> dict[str, Any]:
    page.goto(address)
    if page.locator("table.results").count():
        page.wait_for_selector("html[data-tables=ready]")
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return {"address": address, "overflow": wide, "main": page.locator("main").inner_text()[:40]}


def _sorted(page: Page, address: str) -> list[list[str]]:
    """Return the published values of a table as they stand, after one click on the head, and after two."""
    page.goto(address)
    page.wait_for_selector("html[data-tables=ready]")
    values = []
    for order in ("", "ascending", "descending"):
        if order:
            page.locator("th", has_text="published").first.click()
            page.wait_for_selector(f"th[aria-sort={order}]")
        values.append(page.eval_on_selector_all("td.published", "cells => cells.map(cell => cell.dataset.order)"))
    return values


def _searched(page: Page, address: str, word: str) -> int:
    page.goto(address)
    box, found = page.locator("input.md-search__input"), page.locator(".md-search-result__item")
    box.click()
    # What is typed before the search is ready is lost.
    for _ in range(PATIENCE_MS // 10_000):
        box.fill("")
        # The search listens to keys, which a text that is filled in does not press.
        box.press_sequentially(word)
        try:
            found.first.wait_for(timeout=10_000)
        except TimeoutError:
            continue
        return _settled(page, found)
    return 0


def _settled(page: Page, found: Locator) -> int:
    """Return the number of hits once it stays: the search answers while a word is typed."""
    before, count = -1, found.count()
    while count != before:
        page.wait_for_timeout(SETTLING_MS)
        before, count = count, found.count()
    return count


def _drawn(page: Page, address: str, pictures: Path) -> list[str]:
    """Choose every example of the viewer, take its picture, and return their names."""
    page.goto(address)
    names: list[str] = page.eval_on_selector_all("#viewer-scene option", "all => all.map(one => one.value)")
    for name in names:
        page.select_option("#viewer-scene", name)
        page.wait_for_selector(f"#viewer[data-drawn={name}]")
        page.locator("#viewer canvas").first.screenshot(path=pictures / f"{name}.png")
    return names


def main(site: Path, browser_path: str, pictures: Path) -> None:
    """Print what is found."""
    server = _serve(site.parent)
    bases = {"folder": site.as_uri(), "path": f"http://127.0.0.1:{server.server_port}/{site.name}"}
    complaints: list[str] = []
    found: dict[str, Any] = {"looks": [], "complaints": complaints, "search": {}, "sorting": {}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(ARGUMENTS))
        for kind, base in bases.items():
            for width in WIDTHS.values():
                page = _opened(browser, width, complaints)
                found["looks"] += [_look(page, f"{base}/{name}") for name in _pages(site)]
                page.close()
            desk = _opened(browser, WIDTHS["desk"], complaints)
            table = next(name for name in _pages(site) if "/tables/" in name and not name.endswith("index.html"))
            found["sorting"][kind] = _sorted(desk, f"{base}/{table}")
            found["search"][kind] = {
                word: _searched(desk, f"{base}/index.html", word)
                for word in ("accuracy", "Satterthwaite", "load_encoder")
            }
            desk.close()
        found["scenes"] = _drawn(
            _opened(browser, WIDTHS["desk"], complaints), f"{bases['folder']}/viewer.html", pictures
        )
        browser.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
