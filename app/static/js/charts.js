// Draws each figure of the dashboard from the table beside it; a click on a bar follows the number's own link.
// Without scripts the tables say the same.
(() => {
  const style = () => getComputedStyle(document.documentElement);
  const colour = (name) => style().getPropertyValue(name).trim();
  const palette = () => ["primary", "warning", "success", "danger", "secondary", "info"].map((name) => colour(`--bs-${name}`));

  const read = (table) => {
    const [, ...series] = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const lines = [...table.tBodies[0].rows].map(({ cells: [name, ...cells] }) => ({
      name: name.textContent.trim(),
      cells: cells.map((cell) => ({ value: Number(cell.textContent), link: cell.querySelector("a")?.href })),
    }));
    return { series, lines };
  };

  const draw = (figure) => {
    const place = figure.querySelector("[data-chart-place]");
    const { series, lines } = read(figure.querySelector("table"));
    const kind = figure.dataset.chart;
    const lying = kind.endsWith("rows");
    const stacked = kind.startsWith("stack");
    const shown = lying ? [...lines].reverse() : lines;
    if (lying) place.style.height = `${Math.max(12, 5 + lines.length * 2)}rem`;
    const names = { type: "category", data: shown.map((line) => line.name), axisLabel: { color: colour("--bs-body-color"), width: 130, overflow: "truncate" } };
    const numbers = { type: "value", minInterval: kind === "bar" ? 0 : 1, axisLabel: { color: colour("--bs-body-color") }, splitLine: { lineStyle: { color: colour("--bs-border-color") } } };
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    chart.setOption({
      animation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
      color: palette(),
      textStyle: { fontFamily: style().fontFamily },
      grid: { left: 8, right: 16, top: series.length > 1 ? 40 : 12, bottom: 8, containLabel: true },
      legend: { show: series.length > 1, top: 0, type: "scroll", textStyle: { color: colour("--bs-body-color") } },
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: kind === "line" ? "line" : "shadow" } },
      xAxis: lying ? numbers : names,
      yAxis: lying ? names : numbers,
      series: series.map((name, at) => ({
        name,
        type: kind === "line" ? "line" : "bar",
        stack: stacked ? "all" : undefined,
        barMaxWidth: 28,
        data: shown.map((line) => line.cells[at].value),
      })),
    });
    chart.on("click", ({ dataIndex, seriesIndex }) => {
      const link = shown[dataIndex]?.cells[seriesIndex]?.link;
      if (link) window.location.assign(link);
    });
    new ResizeObserver(() => chart.resize()).observe(place);
    return chart;
  };

  // Only what comes into sight is drawn.
  const charts = new Map();
  const seen = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting && !charts.has(entry.target)).forEach(({ target }) => {
      charts.set(target, draw(target));
      seen.unobserve(target);
    });
  }, { rootMargin: "200px" });
  document.querySelectorAll("[data-chart]").forEach((figure) => seen.observe(figure));
  // Light or dark: drawn anew in the other colours.
  new MutationObserver(() => charts.forEach((chart, figure) => {
    chart.dispose();
    charts.set(figure, draw(figure));
  })).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
})();
