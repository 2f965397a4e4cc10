// The front: the metric against cost. Figures are drawn by plotly.js, text beside them is ours.

const FRONT = { axis: 0, isExtra: true, isGain: true, allIntervals: false, at: null, isKept: false };
const FEW = 150; // others whose intervals are no carpet

const SHAPES = { plain: "x", SE: "triangle-up", CBAM: "square", ECA: "diamond" };
const MORE_SHAPES = ["hexagon", "pentagon", "triangle-down", "star", "triangle-left", "triangle-right", "hourglass", "bowtie"];

function shapeOf(baseline, taken) {
  // A module has a shape; hollow is "in the last stage only". Other backbones have hollow shapes of their own.
  const isOther = baseline.startsWith("plain on ");
  const family = isOther ? baseline : baseline.split(" ")[0];
  if (!(family in SHAPES) && !taken.has(family)) taken.set(family, MORE_SHAPES[taken.size % MORE_SHAPES.length]);
  const shape = SHAPES[family] && !isOther ? SHAPES[family] : taken.get(family);
  return isOther || baseline.includes("in the last") ? `${shape}-open` : shape;
}

function hasWebgl() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
}

function figureLayout(x, y, more) {
  const ink = color("ink"), soft = color("soft"), grid = color("grid"), line = color("line");
  const axis = { gridcolor: grid, zeroline: false, linecolor: line, tickcolor: line, automargin: true, title: { standoff: 10, font: { size: 13, color: soft } }, tickfont: { size: 12, color: soft }, fixedrange: coarse };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: color("sans"), color: ink, size: 13 },
    margin: { l: 56, r: 14, t: 12, b: 48 }, showlegend: false, hovermode: "closest", hoverdistance: 24,
    dragmode: coarse ? false : "zoom",
    xaxis: { ...axis, ...x, title: { ...axis.title, text: x.label } }, yaxis: { ...axis, ...y, title: { ...axis.title, text: y.label } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink }, ...more,
  };
}

const coarse = matchMedia("(pointer: coarse)").matches;
const SETTINGS = { displaylogo: false, responsive: true, displayModeBar: coarse ? false : "hover", modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };

function shownPoints() {
  const axis = DATA.axes[FRONT.axis], name = FRONT.isGain ? "gain" : DATA.metric.column, columns = DATA.columns;
  const xs = FRONT.isExtra ? axis.extra : axis.total, ys = columns[name];
  const points = [];
  for (let at = 0; at < ys.length; at++) if (known(xs[at]) && known(ys[at])) points.push(at);
  return { axis, xs, ys, low: columns[`${name}_lower`], high: columns[`${name}_upper`], points };
}

function trace(shown, points, marker, withIntervals, more) {
  const x = Float64Array.from(points, (at) => shown.xs[at]), y = Float64Array.from(points, (at) => shown.ys[at]);
  const found = { type: "scatter", mode: "markers", x, y, customdata: points, hoverinfo: "none", marker, ...more };
  if (withIntervals) {
    found.error_y = {
      type: "data", symmetric: false, width: 0, thickness: marker.thin ? 1 : 1.5, color: marker.bar || marker.color,
      array: points.map((at) => Math.max((shown.high[at] ?? shown.ys[at]) - shown.ys[at], 0)),
      arrayminus: points.map((at) => Math.max(shown.ys[at] - (shown.low[at] ?? shown.ys[at]), 0)),
    };
  }
  return found;
}

function frontTraces(shown) {
  const columns = DATA.columns, onFront = new Set(shown.axis.front), blue = color("front"), orange = color("base");
  const green = color("rec"), gray = color("other"), visible = new Set(shown.points), traces = [], legend = [];
  const others = shown.points.filter((at) => columns.n[at] && !onFront.has(at) && !columns.baseline[at]);
  const type = DATA.webgl && hasWebgl() ? "scattergl" : "scatter";
  const isMany = others.length > FEW;
  if (others.length) {
    const marker = { size: isMany ? 5 : 6, color: gray, opacity: isMany ? 0.45 : 0.75, thin: true, bar: gray + "66" };
    traces.push(trace(shown, others, marker, FRONT.allIntervals || !isMany, { type }));
    legend.push(["circle", gray, false, `other trained (${others.length.toLocaleString("en-US")})${isMany && !FRONT.allIntervals ? ", without intervals" : ""}`]);
  }
  const front = shown.axis.front.filter((at) => visible.has(at));
  if (front.length) {
    traces.push({ type: "scatter", mode: "lines", x: front.map((at) => shown.xs[at]), y: front.map((at) => shown.ys[at]), line: { shape: "hv", color: blue, width: 2.5 }, opacity: 0.4, hoverinfo: "skip" });
    traces.push(trace(shown, front, { size: 10, color: blue }, true));
    legend.push(["circle", blue, false, `front (${front.length})`]);
  }
  const recommended = shown.points.filter((at) => columns.recommended[at]);
  if (recommended.length) {
    const old = recommended.filter((at) => columns.n[at]), fresh = recommended.filter((at) => !columns.n[at]);
    const ring = { size: 16, symbol: "diamond-open", color: green, line: { width: 1.8, color: green } };
    if (old.length) traces.push(trace(shown, old, ring, false));
    if (fresh.length) traces.push(trace(shown, fresh, { ...ring, size: 10, bar: green + "88" }, true));
    legend.push(["diamond-open", green, true, "recommended; small ones are not trained"]);
  }
  const taken = new Map();
  for (const at of shown.points.filter((one) => columns.baseline[one])) {
    const symbol = shapeOf(columns.baseline[at], taken);
    const marker = { size: symbol.startsWith("x") ? 11 : 10, symbol, color: orange, line: { width: symbol.endsWith("open") ? 2 : 0, color: orange } };
    traces.push(trace(shown, [at], marker, !onFront.has(at)));
    legend.push([symbol, orange, symbol.endsWith("open"), columns.baseline[at]]);
  }
  return { traces, legend, isMany };
}

function axisLabel(axis) {
  const unit = axis.unit && axis.unit !== axis.label ? ` in ${axis.unit}` : "";
  if (!FRONT.isExtra) return `${axis.label}${unit} of one image`.replace("parameters of one image", "parameters");
  const plain = known(axis.plain) ? `, which has ${quantity(axis.plain)}${axis.unit === "ms" ? " ms" : ""}` : "";
  return `extra ${axis.label}${unit} over the plain backbone${coarse || innerWidth < 700 ? "" : plain}`;
}

function drawFront() {
  const shown = shownPoints(), chart = byId("front-chart"), { traces, legend, isMany } = frontTraces(shown);
  const y = FRONT.isGain ? DATA.metric.gain_axis : DATA.metric.axis;
  const take = DATA.take, marks = [], limits = DATA.limits[FRONT.isGain ? "gain" : DATA.metric.column];
  const beyond = shown.points.filter((at) => shown.ys[at] < limits[0] || shown.ys[at] > limits[1]).length;
  if (FRONT.isGain) marks.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: 0, y1: 0, line: { color: color("base"), width: 1.2, dash: "dash" }, layer: "below" });
  const notes = [];
  if (known(take) && known(shown.xs[take]) && known(shown.ys[take]) && DATA.columns.baseline[take] !== "plain") {
    notes.push({ x: shown.xs[take], y: shown.high[take] ?? shown.ys[take], text: "take this", showarrow: false, yanchor: "bottom", font: { size: 13, color: color("ink") }, bgcolor: color("bg"), borderpad: 1 });
  }
  const ticks = shown.axis.unit === "ms" ? {} : { tickformat: "~s" };
  const layout = figureLayout({ label: axisLabel(shown.axis), ...ticks }, { label: y, range: limits.slice() }, { shapes: marks, annotations: notes });
  Plotly.react(chart, traces, layout, SETTINGS);
  byId("front-legend").replaceChildren(...legend.map(([shape, paint, isOpen, label]) => el("span", {}, mark(shape, paint, isOpen), label)));
  const told = [], estimated = DATA.columns[DATA.metric.column].filter(known).length;
  const unknown = DATA.placement.length - estimated, uncosted = estimated - shown.points.length;
  const counted = (number) => `${number.toLocaleString("en-US")} ${number === 1 ? "placement" : "placements"}`;
  if (!shown.axis.is_objective) told.push(`The search was for ${DATA.axes[0].label}; the front along ${shown.axis.label} is drawn over what it trained.`);
  if (unknown) told.push(`${counted(unknown)} are in the table alone: of so long a study, only those that come nearest to the front have estimates.`);
  if (uncosted) told.push(`${counted(uncosted)} are not drawn: their ${shown.axis.label} is not known.`);
  if (beyond) told.push(`${counted(beyond)} far from the rest are beyond the axis: a double click shows all.`);
  if (!DATA.has_gain) told.push("Gains are not known: the plain backbone is not trained.");
  byId("front-note").textContent = told.join(" ");
  byId("all-intervals").parentElement.hidden = !isMany && !FRONT.allIntervals;
  FRONT.order = shown.points.slice().sort((a, b) => shown.xs[a] - shown.xs[b] || shown.ys[a] - shown.ys[b]);
  choosePoint(FRONT.at, FRONT.isKept);
}

function mark(shape, paint, isOpen) {
  // The marks of the legend, in the shapes that plotly.js draws.
  const paths = {
    circle: "M8 3.2a4.8 4.8 0 1 0 .01 0z", x: "M3 5l2-2 3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3z", "triangle-up": "M8 2.5L14 13H2z",
    square: "M3 3h10v10H3z", diamond: "M8 1.8L14.2 8 8 14.2 1.8 8z", hexagon: "M8 2l5.4 3v6L8 14l-5.4-3V5z", pentagon: "M8 2l6 4.5L11.7 14H4.3L2 6.5z",
    "triangle-down": "M8 13.5L2 3h12z", star: "M8 1.5l2 4.3 4.6.5-3.4 3.2 1 4.7L8 11.8l-4.2 2.4 1-4.7L1.4 6.3 6 5.8z", "triangle-left": "M2.5 8L13 2v12z",
    "triangle-right": "M13.5 8L3 2v12z", hourglass: "M3 2h10L3 14h10z", bowtie: "M2 3v10L14 3v10z",
  };
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", paths[shape.replace("-open", "")] || paths.circle);
  path.setAttribute("fill", isOpen ? "none" : paint);
  path.setAttribute("stroke", paint);
  path.setAttribute("stroke-width", isOpen ? "1.8" : "0");
  svg.append(path);
  return svg;
}

// ---- choosing a point: by pointer, by key, from the table ----

function choosePoint(at, isKept) {
  FRONT.at = at;
  FRONT.isKept = isKept;
  if (!known(at)) return;
  showDetail(at, DATA.axes[FRONT.axis], isKept);
  placeRing();
  markRow(at);
}

function placeRing() {
  const chart = byId("front-chart"), layout = chart._fullLayout, shown = shownPoints();
  let ring = chart.querySelector(".ring");
  if (!ring) chart.append((ring = el("div", { class: "ring" })));
  const x = shown.xs[FRONT.at], y = shown.ys[FRONT.at];
  const has = layout && known(x) && known(y);
  if (has) {
    const left = layout.xaxis._offset + layout.xaxis.d2p(x), top = layout.yaxis._offset + layout.yaxis.d2p(y);
    const inside = left >= layout.xaxis._offset - 1 && left <= layout.xaxis._offset + layout.xaxis._length + 1 &&
      top >= layout.yaxis._offset - 1 && top <= layout.yaxis._offset + layout.yaxis._length + 1;
    ring.style.left = `${left}px`;
    ring.style.top = `${top}px`;
    ring.hidden = !inside;
  } else {
    ring.hidden = true;
  }
}

function showTip(event, at) {
  const tip = byId("tip"), columns = DATA.columns, metric = DATA.metric, name = FRONT.isGain ? "gain" : metric.column;
  tip.replaceChildren(el("code", {}, DATA.placement[at]), `${fixed(columns[name][at], metric.digits, FRONT.isGain)} ${FRONT.isGain ? metric.gain_unit : metric.unit}`);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 6))}px`;
  tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18}px`;
}

function startFront() {
  const chart = byId("front-chart");
  FRONT.isGain = DATA.has_gain;
  FRONT.at = DATA.take ?? DATA.knee ?? 0;
  byId("front-controls").hidden = false;
  choose(byId("axis-choice"), DATA.axes.map((axis, at) => [at, axis.label]), 0, (at) => { FRONT.axis = at; drawFront(); });
  choose(byId("extra-choice"), [[true, "extra"], [false, "total"]], true, (isExtra) => { FRONT.isExtra = isExtra; drawFront(); });
  choose(byId("value-choice"), DATA.has_gain ? [[true, "gain over plain"], [false, "absolute"]] : [[false, "absolute"]], FRONT.isGain,
    (isGain) => { FRONT.isGain = isGain; drawFront(); });
  byId("all-intervals").addEventListener("change", (event) => { FRONT.allIntervals = event.target.checked; drawFront(); });
  drawFront();
  let wasPoint = false;
  chart.on("plotly_hover", (event) => {
    const at = event.points[0].customdata;
    if (!known(at)) return;
    showTip(event.event, at);
    if (!FRONT.isKept) choosePoint(at, false);
  });
  chart.on("plotly_unhover", () => { byId("tip").hidden = true; });
  chart.on("plotly_click", (event) => { wasPoint = true; choosePoint(event.points[0].customdata, true); });
  chart.addEventListener("click", () => {
    if (!wasPoint && FRONT.isKept) choosePoint(FRONT.at, false);
    wasPoint = false;
  });
  chart.on("plotly_afterplot", placeRing);
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      const from = Math.max(FRONT.order.indexOf(FRONT.at), 0);
      const to = Math.max(0, Math.min(FRONT.order.length - 1, from + steps[event.key]));
      choosePoint(FRONT.order[to], FRONT.isKept);
    } else if (event.key === "Enter" || event.key === " ") {
      choosePoint(FRONT.at, true);
    } else if (event.key === "Escape") {
      choosePoint(FRONT.at, false);
    } else {
      return;
    }
    event.preventDefault();
  });
}
