// Start: what is embedded is unpacked, then the table and the figures are drawn.

async function unpacked(id) {
  const text = atob(byId(id).textContent), bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function startTabs() {
  const list = document.querySelector(".tabs");
  if (!list) return;
  const tabs = [...list.children];
  list.hidden = tabs.length < 2;
  const show = (chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(at + step + tabs.length) % tabs.length];
      show(next);
      next.focus();
    });
  });
  show(tabs[0]);
}

function startPrinting() {
  // Figures are as wide as a window; on paper they are as wide as the text.
  const charts = () => [...document.querySelectorAll(".js-plotly-plot")];
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.before = document.documentElement.dataset.theme || "";
    document.documentElement.dataset.theme = "light";
    redraw();
    for (const chart of charts()) Plotly.relayout(chart, { width: 690, autosize: false });
  });
  addEventListener("afterprint", () => {
    const before = document.documentElement.dataset.before;
    if (before) document.documentElement.dataset.theme = before;
    else delete document.documentElement.dataset.theme;
    redraw();
    for (const chart of charts()) Plotly.relayout(chart, { width: null, autosize: true });
  });
}

function redraw() {
  if (!window.Plotly || !DATA.axes.length) return;
  drawFront();
  if (byId("history-chart").data) drawHistory();
  if (DATA.curves.length && byId("curve-chart").data) drawCurves();
}

async function start() {
  onTheme(redraw);
  startTabs();
  if (!byId("library")) return;
  if (!window.DecompressionStream) {
    byId("front-note").textContent = "The figures need a browser of 2023 or later.";
    return;
  }
  Object.assign(DATA, JSON.parse(await unpacked("embedded")));
  startTable();
  const library = el("script");
  library.textContent = await unpacked("library");
  document.head.append(library);
  startFront();
  startPrinting();
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
  setTimeout(startCharts); // below the first screen, so after it
}

start();
