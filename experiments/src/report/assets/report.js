"use strict";
// Draws the charts, sorts the tables, and hands out what the page holds as files. Everything it needs is in the page.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const DASHES = ["", "7 4", "2 3", "10 3 2 3"];
  const COLOURS = 6;
  const MARGIN = { left: 58, right: 14, top: 12, bottom: 44 };

  // ---- Elements

  function html(name, attributes = {}, ...children) {
    return grown(document.createElement(name), attributes, children);
  }

  function svg(name, attributes = {}, ...children) {
    return grown(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  }

  function grown(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function download(name, text, type) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    html("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function csv(rows) {
    const cell = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    return rows.map((row) => row.map(cell).join(",") + "\n").join("");
  }

  // ---- Numbers

  function label(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e");
    return String(Number(value.toPrecision(4)));
  }

  // Round numbers from low to high, about so many.
  function linearTicks(low, high, wanted) {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
    const ticks = [];
    for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index++) ticks.push(index * step);
    return ticks;
  }

  function logTicks(low, high, wanted) {
    const decades = Math.log10(high / low);
    const factors = decades > wanted ? [1] : decades > 1.5 ? [1, 3] : [1, 1.5, 2, 3, 4, 5, 7];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) ticks.push(factor * 10 ** power);
    }
    return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  }

  function scale(low, high, from, to, isLog) {
    const way = isLog ? Math.log : (value) => value;
    if (!(high > low)) [low, high] = isLog ? [low / 2, low * 2] : [low - 0.5, high + 0.5];
    const [first, last] = [way(low), way(high)];
    const at = (value) => from + ((way(value) - first) / (last - first)) * (to - from);
    at.ticks = (wanted) => (isLog ? logTicks : linearTicks)(low, high, wanted);
    return at;
  }

  // ---- Charts

  class Chart {
    constructor(figure, chart) {
      this.figure = figure;
      this.chart = chart;
      this.view = chart.views[0];
      this.hidden = new Set();
      this.isLog = chart.views.length > 1 && this.isWide();
      this.cursor = null;
      this.labels = [...new Set(chart.views.flatMap((view) => view.lines.map((line) => line.label)))];
      this.levels = [...new Set(chart.views.flatMap((view) => view.levels.map((level) => level.label)))];
      this.hideFarLevels();
      this.build();
      this.draw();
    }

    // Levels far from where most curves end would squeeze the scale; they can be switched on.
    hideFarLevels() {
      const ends = this.view.lines.map((line) => line.points.at(-1)[1]).sort((left, right) => left - right);
      const middle = ends[Math.floor(ends.length / 2)];
      for (const { label, value } of this.view.levels) {
        if (Math.abs(value - middle) > Math.abs(middle) / 2) this.hidden.add(label);
      }
    }

    // Whether small differences would be lost beside large ones.
    isWide() {
      const values = this.view.lines.flatMap((line) => line.points.map((point) => point[1]));
      return Math.min(...values) > 0 && Math.max(...values) > 5 * Math.min(...values);
    }

    style(label) {
      const index = this.labels.indexOf(label);
      if (index < 0) return { stroke: "var(--level)", "stroke-dasharray": DASHES[1 + (this.levels.indexOf(label) % 3)] };
      return { stroke: `var(--s${index % COLOURS})`, "stroke-dasharray": DASHES[Math.floor(index / COLOURS) % 4] };
    }

    build() {
      const controls = html("div", { class: "controls" });
      if (this.chart.views.length > 1) controls.append(this.viewChooser());
      this.logBox = html("input", { type: "checkbox" });
      this.logBox.checked = this.isLog;
      this.logBox.addEventListener("change", () => {
        this.isLog = this.logBox.checked;
        this.draw();
      });
      controls.append(html("label", {}, this.logBox, " logarithmic"));
      const button = html("button", { type: "button", class: "download" }, "Download CSV");
      button.addEventListener("click", () => this.download());
      controls.append(button);
      this.plot = svg("svg", { class: "plot", role: "img", tabindex: "0" });
      this.plot.addEventListener("pointermove", (event) => this.point(event));
      this.plot.addEventListener("pointerleave", () => this.moveTo(null));
      this.plot.addEventListener("keydown", (event) => this.key(event));
      this.readout = html("div", { class: "readout", role: "status" });
      this.legend = html("ul", { class: "legend", "aria-label": `Series of ${this.chart.title}` });
      for (const label of [...this.labels, ...this.levels]) this.legend.append(html("li", {}, this.keyOf(label)));
      this.figure.append(controls, this.plot, this.readout, this.legend);
    }

    viewChooser() {
      const select = html("select");
      for (const [index, view] of this.chart.views.entries()) select.append(html("option", { value: index }, view.name));
      select.addEventListener("change", () => {
        this.view = this.chart.views[Number(select.value)];
        this.draw();
      });
      return html("label", {}, "Figure ", select);
    }

    // The button of a series, which shows or hides it.
    keyOf(label) {
      const sample = svg("svg", { width: 26, height: 8, "aria-hidden": "true" });
      sample.append(svg("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-width": 3, ...this.style(label) }));
      const button = html("button", { type: "button", "aria-pressed": !this.hidden.has(label) }, sample, label);
      button.addEventListener("click", () => {
        if (!this.hidden.delete(label)) this.hidden.add(label);
        button.setAttribute("aria-pressed", !this.hidden.has(label));
        this.draw();
      });
      return button;
    }

    shown() {
      const isShown = (series) => !this.hidden.has(series.label);
      return [this.view.lines.filter(isShown), this.view.levels.filter(isShown)];
    }

    draw() {
      const [lines, levels] = this.shown();
      const width = Math.max(240, this.figure.clientWidth);
      const height = Math.round(Math.min(420, Math.max(230, width * 0.55)));
      this.plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.plot.setAttribute("aria-label", `${this.chart.title}: ${this.view.name} over ${this.chart.x}. Arrow keys read values.`);
      this.plot.replaceChildren();
      const values = [...lines.flatMap((line) => line.points.flatMap((point) => point.slice(1))), ...levels.map((level) => level.value)];
      const places = this.view.lines.flatMap((line) => line.points.map((point) => point[0]));
      this.places = [...new Set(places)].sort((left, right) => left - right);
      const canBeLog = values.length > 0 && Math.min(...values) > 0;
      this.logBox.disabled = !canBeLog;
      if (values.length > 0) {
        const isLog = this.isLog && canBeLog;
        let [low, high] = [Math.min(...values), Math.max(...values)];
        if (!isLog) [low, high] = [low - (high - low) * 0.04, high + (high - low) * 0.04];
        this.y = scale(low, high, height - MARGIN.bottom, MARGIN.top, isLog);
        this.x = scale(this.places[0], this.places.at(-1), MARGIN.left, width - MARGIN.right, this.chart.log_x);
        this.axes(width, height);
        this.series(lines, levels, width);
      }
      this.moveTo(this.cursor);
    }

    axes(width, height) {
      const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
      for (const tick of this.y.ticks(5)) {
        const y = this.y(tick);
        this.plot.append(svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }));
        this.plot.append(svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, label(tick)));
      }
      for (const tick of this.x.ticks(width < 480 ? 3 : 7)) {
        const x = this.x(tick);
        this.plot.append(svg("line", { class: "axis", x1: x, x2: x, y1: bottom, y2: bottom + 5 }));
        const anchor = x > right - 20 ? "end" : "middle";
        this.plot.append(svg("text", { x, y: bottom + 18, "text-anchor": anchor }, label(tick)));
      }
      this.plot.append(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
      this.plot.append(svg("text", { x: (left + right) / 2, y: height - 8, "text-anchor": "middle" }, this.chart.x));
    }

    series(lines, levels, width) {
      for (const { points, label } of lines) {
        const at = (point, figure) => `${this.x(point[0]).toFixed(1)},${this.y(point[figure]).toFixed(1)}`;
        const around = [...points.map((point) => at(point, 3)), ...points.map((point) => at(point, 2)).reverse()];
        const { stroke } = this.style(label);
        this.plot.append(svg("polygon", { class: "band", points: around.join(" "), fill: stroke }));
        if (points.length === 1) {
          const [x, y] = at(points[0], 1).split(",");
          this.plot.append(svg("circle", { class: "dot", cx: x, cy: y, r: 3.5, fill: stroke }));
        }
        const along = points.map((point) => at(point, 1)).join(" ");
        this.plot.append(svg("polyline", { class: "curve", points: along, ...this.style(label) }));
      }
      for (const { value, label } of levels) {
        const y = this.y(value);
        const ends = { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y };
        this.plot.append(svg("line", { class: "level", "stroke-width": 1.5, ...ends, ...this.style(label) }));
      }
    }

    point(event) {
      if (!this.places.length) return;
      const box = this.plot.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * this.plot.viewBox.baseVal.width;
      const away = (place) => Math.abs(this.x(place) - x);
      this.moveTo(this.places.reduce((best, place) => (away(place) < away(best) ? place : best)));
    }

    key(event) {
      if (!this.places.length) return;
      const last = this.places.length - 1;
      const index = this.places.indexOf(this.cursor);
      const moves = { ArrowLeft: Math.max(0, index - 1), ArrowRight: Math.min(last, index + 1), Home: 0, End: last };
      if (event.key === "Escape") this.moveTo(null);
      else if (event.key in moves) this.moveTo(this.places[moves[event.key]]);
      else return;
      event.preventDefault();
    }

    // Shows the values at a place on the axis, the highest first.
    moveTo(place) {
      this.cursor = this.places.includes(place) ? place : null;
      this.plot.querySelector(".cursor")?.remove();
      this.readout.replaceChildren();
      const [lines, levels] = this.shown();
      if (this.cursor === null || lines.length + levels.length === 0) return;
      const x = this.x(this.cursor);
      const bottom = this.plot.viewBox.baseVal.height - MARGIN.bottom;
      this.plot.append(svg("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: bottom }));
      const values = levels.map((level) => [level.value, `${level.label} ${label(level.value)}`]);
      for (const line of lines) {
        const found = line.points.find((point) => point[0] === this.cursor);
        if (!found) continue;
        const band = found[2] < found[3] ? ` (${label(found[2])} to ${label(found[3])})` : "";
        values.push([found[1], `${line.label} ${label(found[1])}${band}`]);
      }
      values.sort((left, right) => right[0] - left[0]);
      const list = html("ul");
      for (const [, text] of values) list.append(html("li", {}, text));
      this.readout.append(html("strong", {}, `${label(this.cursor)} ${this.chart.x}`), list);
    }

    download() {
      const rows = [["figure", "series", "x", "value", "low", "high"]];
      for (const view of this.chart.views) {
        for (const line of view.lines) for (const point of line.points) rows.push([view.name, line.label, ...point]);
        for (const level of view.levels) rows.push([view.name, level.label, "", level.value, "", ""]);
      }
      download(`${this.chart.title.toLowerCase().replaceAll(" ", "_")}.csv`, csv(rows), "text/csv");
    }
  }

  const charts = [...document.querySelectorAll(".chart")].map(
    (figure) => new Chart(figure, data[figure.dataset.entry][figure.dataset.chart]),
  );
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    charts.forEach((chart) => chart.draw());
  });

  // ---- Tables

  function order(left, right) {
    const [first, second] = [Number(left), Number(right)];
    return Number.isNaN(first) || Number.isNaN(second) ? left.localeCompare(right) : first - second;
  }

  function sort(table, column, heading) {
    const isUp = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.value;
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((left, right) => {
      // Cells without a figure stay below, whichever way.
      if (key(left) === "" || key(right) === "") return (key(left) === "") - (key(right) === "");
      return order(key(left), key(right)) * (isUp ? 1 : -1);
    });
    body.append(...rows);
  }

  for (const block of document.querySelectorAll(".table")) {
    const table = block.querySelector("table");
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => sort(table, column, heading));
    });
    const button = block.querySelector(".download");
    button.hidden = false;
    button.addEventListener("click", () => {
      const cells = (row) => [...row.cells].map((cell) => cell.dataset.value);
      const header = headings.map((heading) => heading.textContent);
      download(block.dataset.file, csv([header, ...[...table.tBodies[0].rows].map(cells)]), "text/csv");
    });
  }

  for (const block of document.querySelectorAll(".config")) {
    const button = block.querySelector(".download");
    button.hidden = false;
    button.addEventListener("click", () => download(block.dataset.file, block.querySelector("pre").textContent, "text/plain"));
  }
})();
