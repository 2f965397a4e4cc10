// A placement as a strip of stages, and what is known of it, beside the front.

function choicesOf(placement) {
  return placement.split("@")[0].split("-").map((text) => DATA.choices[text]);
}

function strip(placement) {
  return el("ol", { class: "strip" }, choicesOf(placement).map((choice, at) => {
    const parts = [];
    if (choice.ratio) parts.push(`r = ${choice.ratio}`);
    if (choice.color && choice.attachment !== "serial") parts.push(choice.attachment);
    return el("li", { class: choice.color ? "gate" : "bare", "--c": choice.color || undefined },
      el("span", { class: "at" }, `${DATA.granularity} ${at + 1}`), el("b", {}, choice.module),
      el("small", {}, parts.join(" \u00b7 ") || "\u00a0"));
  }));
}

function tagsOf(at, axis) {
  const tags = [];
  if (axis.front.includes(at)) tags.push(el("span", { class: "tag front" }, "front"));
  if (DATA.columns.baseline[at]) tags.push(el("span", { class: "tag baseline", title: DATA.columns.baseline[at] }, DATA.columns.baseline[at]));
  if (DATA.columns.recommended[at]) tags.push(el("span", { class: "tag rec", title: `recommended, place ${DATA.columns.recommended[at]}` }, `rec. ${DATA.columns.recommended[at]}`));
  return tags.flatMap((tag) => [tag, " "]);
}

function commandFor(at) {
  const text = shellQuoted(DATA.placement[at]);
  if (!DATA.columns.n[at]) return ["Not trained yet. Train it:", `seplace train ${DATA.folder} ${text}`];
  if (DATA.has_weights) return ["Export the trained network:", `seplace export ${DATA.folder} --pick ${text}`];
  return ["Export it, once the weights are beside the results:", `seplace export ${DATA.folder} --pick ${text}`];
}

function showDetail(at, axis, isKept) {
  const columns = DATA.columns, panel = byId("detail"), rows = [], digits = DATA.metric.digits;
  const add = (label, ...value) => rows.push(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
  if (columns.baseline[at] !== "plain" && known(columns.gain[at])) {
    add(DATA.metric.gain_unit ? `gain, ${DATA.metric.gain_unit}` : "gain", interval(columns, "gain", at, digits, true));
    if (known(columns.p_better[at])) add("P(better than plain)", percent(columns.p_better[at]));
  }
  add(DATA.metric.heading, interval(columns, DATA.metric.column, at, digits, false));
  if (columns.best_baseline[at] && columns.best_baseline[at] !== "plain") {
    add(`over ${columns.best_baseline[at]}`, interval(columns, "gain_vs_baseline", at, digits, true));
  }
  for (const one of DATA.axes) {
    if (!known(one.total[at])) continue;
    const share = one.plain && one.extra[at] ? ` (${shareOf((100 * one.extra[at]) / one.plain, true)})` : "";
    add(one.label, el("span", { class: "num" }, `${quantity(one.total[at])}${one.unit === "ms" ? " ms" : ""}`), " ",
      el("span", { class: "bounds" }, `${quantity(one.extra[at], true)}${share}`));
  }
  if (known(columns.p_front[at])) add("P(non-dominated)", percent(columns.p_front[at]));
  add("seeds", columns.n[at] ? String(columns.n[at]) : "not trained, predicted");
  if (known(columns.test_gain[at]) && columns.baseline[at] !== "plain") {
    const error = columns.test_gain_se[at];
    add("gain on the test split", `${fixed(columns.test_gain[at], digits, true)}${known(error) ? ` \u00b1 ${fixed(error, digits)}` : ""}`);
  }
  const [what, text] = commandFor(at);
  const stages = strip(DATA.placement[at]);
  const variant = DATA.placement[at].split("@")[1];
  panel.replaceChildren(
    el("p", { class: "title" }, DATA.placement[at]),
    el("div", {}, tagsOf(at, axis)),
    DATA.stages > 8 ? el("div", { class: "many" }, stages) : stages,
    variant ? el("p", { class: "hint" }, `on the backbone ${variant}`) : "",
    el("dl", {}, rows),
    el("p", { class: "step" }, what), command(text),
    el("p", { class: "hint" }, isKept ? "Kept. Click elsewhere in the figure, or press Escape, to let it go." : "Click a point to keep it here."),
  );
  panel.dataset.at = at;
}
