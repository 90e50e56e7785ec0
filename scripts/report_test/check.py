"""Uses a report in a browser as a reader does; see report_test.sh."""

import csv
import io
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# Widths of the narrowest phone that is meant, and of a desktop.
SIZES = {"phone": (320, 640), "desktop": (1280, 900)}
SCHEMES = ["light", "dark"]
# WCAG 2.1, 1.4.3 and 1.4.11.
TEXT_CONTRAST = 4.5
GRAPHICS_CONTRAST = 3.0

CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const linear = (part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => channels(colour).map(linear).reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const contrast = (left, right) => {
    const [dark, light] = [luminance(left), luminance(right)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const element of document.querySelectorAll("h1, h2, h3, p, dt, dd, td, th, button, summary, label, a, .plot text, .curve, .level")) {
    const style = getComputedStyle(element);
    const isLine = element.matches(".curve, .level");
    const colour = isLine ? style.stroke : element.matches(".plot text") ? style.fill : style.color;
    found.push([isLine, contrast(colour, behind(element)), element.outerHTML.slice(0, 80)]);
  }
  return found;
}"""


def check_look(page, size, scheme):
    width = page.evaluate("document.documentElement.clientWidth")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{size}, {scheme}: the page is {wide} wide on a screen of {width}"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 21, 26)"
    assert dark == (scheme == "dark"), (size, scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert any(is_line for is_line, *_ in contrasts) and len(contrasts) > 100
    for is_line, contrast, what in contrasts:
        least = GRAPHICS_CONTRAST if is_line else TEXT_CONTRAST
        assert contrast >= least, f"{size}, {scheme}: contrast {contrast:.2f} of {what}"


def check_names(page):
    assert page.title() and page.get_attribute("html", "lang") == "en"
    unnamed = page.evaluate("""() => [...document.querySelectorAll("button, select, input, svg[role=img], [role=region]")]
        .filter((element) => !element.textContent.trim() && !element.getAttribute("aria-label") && !element.closest("label"))
        .map((element) => element.outerHTML.slice(0, 80))""")
    assert not unnamed, unnamed


def check_sorting(page):
    table = page.locator("#entry-1 .table").first
    column = table.locator("thead button").all_inner_texts().index("latency_mean_s")
    cells = lambda: [float(cell.get_attribute("data-value")) for cell in table.locator(f"tbody tr > :nth-child({column + 1})").all()]
    heading = table.locator("thead th").nth(column)
    for direction, ordered in [("ascending", sorted(cells())), ("descending", sorted(cells(), reverse=True))]:
        heading.locator("button").click()
        assert cells() == ordered and heading.get_attribute("aria-sort") == direction, (direction, cells())
    # By keys, and what is empty stays below.
    gaps = table.locator("thead button", has_text="scheme").first
    gaps.focus()
    page.keyboard.press("Enter")
    names = [cell.get_attribute("data-value") for cell in table.locator("tbody th").all()]
    assert names == sorted(names, key=str.lower), names


def check_series(page):
    chart = page.locator("#entry-1 .chart").first
    key = chart.locator(".legend button", has_text="dsaco")
    before = chart.locator(".curve").count()
    assert before == 2, before
    key.click()
    assert chart.locator(".curve").count() == before - 1 and key.get_attribute("aria-pressed") == "false"
    key.focus()
    page.keyboard.press("Space")
    assert chart.locator(".curve").count() == before and key.get_attribute("aria-pressed") == "true"
    chart.locator("select").select_option(label="success_rate")
    assert "success_rate" in chart.locator(".plot").get_attribute("aria-label")
    chart.locator("select").select_option(index=0)
    chart.locator("input[type=checkbox]").check()
    chart.locator("input[type=checkbox]").uncheck()
    assert chart.locator(".band").count() == before, "two seeds have a band"


def check_reading(page):
    chart = page.locator("#entry-1 .chart").first
    plot = chart.locator(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 16, box["y"] + box["height"] / 2)
    assert "1200 environment steps" in chart.locator(".readout").inner_text(), chart.locator(".readout").inner_text()
    page.mouse.move(0, 0)
    plot.focus()
    page.keyboard.press("Home")
    first = chart.locator(".readout").inner_text()
    page.keyboard.press("ArrowRight")
    second = chart.locator(".readout").inner_text()
    assert first.startswith("0 environment steps") and second.startswith("300 environment steps"), (first, second)
    assert "dsaco" in second and " to " in second, second
    page.keyboard.press("Escape")
    assert chart.locator(".readout").inner_text() == ""


def downloaded(page, button):
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


def check_downloads(page, folder):
    rows = lambda text: list(csv.reader(io.StringIO(text)))
    block = page.locator("#entry-1 .table").first
    name, text = downloaded(page, block.locator(".download"))
    written = (folder / "study" / "comparison.csv").read_text()
    assert name == "comparison.csv" and sorted(rows(text)) == sorted(rows(written)), text
    name, text = downloaded(page, page.locator("#entry-1 .chart .download").first)
    assert name.endswith(".csv") and rows(text)[0] == ["figure", "series", "x", "value", "low", "high"], text[:200]
    assert "cautious-greedy=0.25,0.1,0.05" in [row[1] for row in rows(text)]
    page.locator("#entry-1 summary").click()
    name, text = downloaded(page, page.locator("#entry-1 .config .download"))
    assert (name, text) == ("config.toml", (folder / "study" / "config.toml").read_text())


def check(browser, folder, shots):
    report = (folder / "report.html").resolve()
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            troubles, requests = [], []
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(report.as_uri())
            if shots:
                page.screenshot(path=shots / f"{size}-{scheme}.png", full_page=True)
            check_look(page, size, scheme)
            check_names(page)
            check_sorting(page)
            check_series(page)
            check_reading(page)
            check_downloads(page, folder)
            check_look(page, size, scheme)
            away = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
            assert not troubles and not away, (troubles, away)
            context.close()
            print(f"{size}, {scheme}: as it should be")


def main():
    chromium, folder, shots = sys.argv[1:4]
    if shots:
        Path(shots).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        check(browser, Path(folder), Path(shots) if shots else None)
        print(f"Chromium {browser.version} shows the report")
        browser.close()


if __name__ == "__main__":
    main()
