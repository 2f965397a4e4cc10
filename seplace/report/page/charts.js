// The course of the study: hypervolume against trainings, and learning curves.

function drawHistory() {
  const found = DATA.hypervolume, x = Float64Array.from(found.trainings), mode = x.length < 60 ? "lines+markers" : "lines";
  const line = (y, name, paint, dash, symbol) => ({
    type: "scatter", mode, x, y, name, line: { color: paint, width: 2, dash, shape: "hv" },
    marker: { size: 5, symbol, color: paint }, hovertemplate: `${name}: %{y:.${DATA.metric.digits}f} ${DATA.metric.unit} after %{x} trainings<extra></extra>`,
  });
  const traces = [
    line(found.observed_hypervolume, "as observed then", color("other"), "dot", "diamond"),
    line(found.hypervolume, "as known today", color("front"), "solid", "circle"),
  ];
  const legend = { showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12, color: color("soft") } } };
  Plotly.react(byId("history-chart"), traces, { ...figureLayout({ label: "complete trainings" }, { label: DATA.metric.of_front }, legend), hoverlabel: labelLook() }, SETTINGS);
}

const labelLook = () => ({ bgcolor: color("ink"), bordercolor: color("ink"), font: { color: color("bg"), family: color("sans"), size: 12 } });

const scoresOf = () => ({ value: DATA.metric.axis, cross_entropy: "cross-entropy, nats", train_loss: `training loss${DATA.metric.loss_unit}` });
const CURVES = { score: "value" };

function drawCurves() {
  const looks = { other: [color("other"), 1, 0.35, "circle"], front: [color("front"), 1.3, 0.85, "circle"], baseline: [color("base"), 1.3, 0.85, "triangle-up"] };
  const names = { other: "other trained", front: "front", baseline: "baselines" };
  const traces = [];
  CURVES.rows = {};
  for (const [group, [paint, width, opacity, symbol]] of Object.entries(looks)) {
    const x = [], y = [], rows = [];
    for (const row of DATA.curves) {
      if (row.group !== group) continue;
      row.epoch.forEach((epoch, at) => { x.push(epoch); y.push(row[CURVES.score][at]); rows.push(row); });
      x.push(null); y.push(null); rows.push(null);
    }
    if (!rows.length) continue;
    const few = DATA.curves.every((row) => row.epoch.length < 12);
    traces.push({ type: "scatter", mode: few ? "lines+markers" : "lines", x, y, name: names[group], opacity, line: { color: paint, width }, marker: { size: 4, symbol, color: paint }, hoverinfo: "none", connectgaps: false, customdata: rows.map((row, at) => (row ? DATA.curves.indexOf(row) : -1)) });
  }
  const legend = { showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12, color: color("soft") } } };
  Plotly.react(byId("curve-chart"), traces, figureLayout({ label: "epoch", rangemode: "tozero" }, { label: scoresOf()[CURVES.score] }, legend), SETTINGS);
}

function startCharts() {
  drawHistory();
  const labels = scoresOf(), scores = Object.keys(labels).filter((name) => DATA.curves.some((row) => row[name].some(known)));
  if (!scores.length) {
    byId("curve-note").textContent = "The evaluator notes no learning curves.";
    byId("curve-chart").hidden = true;
    return;
  }
  byId("curve-controls").hidden = false;
  CURVES.score = scores[0];
  choose(byId("curve-choice"), scores.map((name) => [name, labels[name].split(",")[0]]), CURVES.score, (name) => { CURVES.score = name; drawCurves(); });
  drawCurves();
  const shown = DATA.curves.length, all = DATA.curves_of;
  byId("curve-note").textContent = `${shown < all ? `${shown} of ${all} trainings` : `${all} trainings`}, scored after ${pointsOfCurves()}.`;
  const chart = byId("curve-chart"), tip = byId("tip");
  chart.on("plotly_hover", (event) => {
    const point = event.points[0], row = DATA.curves[point.customdata];
    if (!row) return;
    tip.replaceChildren(el("code", {}, row.placement), `seed ${row.seed}, epoch ${point.x}: ${fixed(point.y, CURVES.score === "value" ? DATA.metric.digits : 2)}${row.stopped ? ", stopped early" : ""}`);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.event.clientX + 14, innerWidth - box.width - 6))}px`;
    tip.style.top = `${event.event.clientY + 18 + box.height > innerHeight ? event.event.clientY - box.height - 12 : event.event.clientY + 18}px`;
  });
  chart.on("plotly_unhover", () => { tip.hidden = true; });
}

function pointsOfCurves() {
  const epochs = [...new Set(DATA.curves.flatMap((row) => row.epoch))].sort((a, b) => a - b);
  if (epochs.length === 1) return `epoch ${epochs[0]} alone`;
  if (epochs.length > 8) return `${epochs.length} epochs from ${epochs[0]} to ${epochs[epochs.length - 1]}`;
  return `epochs ${epochs.slice(0, -1).join(", ")} and ${epochs[epochs.length - 1]}`;
}
