// The full table: placements or single trainings, sorted, filtered, fifty rows at a time.

const TABLE = { kind: "placements", sort: null, isDown: false, page: 0, allColumns: false, words: "", group: "", rows: [] };
const PAGE = 50;

function columnsOf(kind) {
  const columns = DATA.columns, metric = DATA.metric, of = metric.column, digits = metric.digits;
  if (kind === "trainings") {
    const rows = DATA.trainings;
    return [
      { key: "placement", text: (at) => rows.placement[at], isName: true }, { key: "seed", value: (at) => rows.seed[at] },
      { key: "epochs", value: (at) => rows.epochs[at] }, { key: "state", text: (at) => rows.state[at] },
      { key: of, value: (at) => rows[of][at], digits },
      ...(rows.cross_entropy ? [{ key: "cross_entropy", value: (at) => rows.cross_entropy[at], digits: 3 }] : []),
      { key: "seconds", value: (at) => rows.seconds[at], digits: 1 }, { key: "device", text: (at) => rows.device[at] },
    ];
  }
  const figure = (key, digits, more) => ({ key, value: (at) => columns[key][at], digits, ...more });
  const bounds = (key, digits, isSigned) => figure(key, digits, { isSigned, cell: (at) => interval(columns, key, at, digits, isSigned) });
  const costs = DATA.axes.flatMap((axis, at) => [
    { key: `extra_${axis.name}`, label: `extra ${axis.label}`, value: (row) => axis.extra[row], isCost: true, isSigned: true, isMore: at > 0 },
    { key: axis.name, label: axis.label, value: (row) => axis.total[row], isCost: true, isMore: true },
  ]);
  return [
    { key: "placement", text: (at) => DATA.placement[at], isName: true },
    bounds("gain", digits, true), costs[0], { ...bounds(of, digits, false), label: metric.label }, figure("p_front", 0, { label: "P(non-dominated)", isShare: true }),
    { key: "n", label: "seeds", value: (at) => columns.n[at] },
    { key: "mark", text: (at) => marksOf(at).join(", "), cell: (at) => tagsOf(at, DATA.axes[0]) },
    ...costs.slice(1),
    figure("p_better", 0, { label: "P(better)", isShare: true, isMore: true }),
    { ...bounds("gain_vs_baseline", digits, true), label: "gain vs baseline", isMore: true },
    { key: "best_baseline", label: "best baseline", text: (at) => columns.best_baseline[at], isMore: true },
    figure("test_gain", digits, { label: "test gain", isSigned: true, isMore: true }), figure(metric.test_column, digits, { label: `test ${metric.label}`, isMore: true }),
    figure("observed_gain", digits, { label: "observed gain", isSigned: true, isMore: true }),
    figure(`observed_${of}`, digits, { label: `observed ${metric.label}`, isMore: true }),
    ...(columns.cross_entropy.some(known) ? [figure("cross_entropy", 3, { label: "cross-entropy", isMore: true })] : []),
    { key: "recommended", value: (at) => columns.recommended[at] || null, isMore: true },
  ];
}

function marksOf(at) {
  const marks = [];
  if (DATA.axes[0].front.includes(at)) marks.push("front");
  if (DATA.columns.baseline[at]) marks.push(DATA.columns.baseline[at]);
  if (DATA.columns.recommended[at]) marks.push("recommended");
  return marks;
}

function cellText(column, at) {
  if (column.text) return column.text(at);
  const value = column.value(at);
  if (column.isShare) return percent(value);
  return column.isCost ? quantity(value, column.isSigned) : fixed(value, column.digits || 0, column.isSigned);
}

// ---- what the filter says ----

function tests(words, columns) {
  return words.trim().toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const match = /^([a-z_]+)(<=|>=|<|>|=)([-+]?[\d.]+)$/.exec(word);
    const column = match && columns.find((one) => one.value && (one.key === match[1] || one.label === match[1]));
    if (!column) return (at, text) => text().includes(word);
    const wanted = Number(match[3]);
    const compare = { "<": (a) => a < wanted, ">": (a) => a > wanted, "<=": (a) => a <= wanted, ">=": (a) => a >= wanted, "=": (a) => a === wanted }[match[2]];
    return (at) => known(column.value(at)) && compare(column.value(at));
  });
}

function isInGroup(placementAt) {
  if (!TABLE.group || placementAt < 0) return !TABLE.group;
  if (TABLE.group === "front") return DATA.axes[0].front.includes(placementAt);
  return Boolean(DATA.columns[TABLE.group][placementAt]);
}

function chosenRows() {
  const isTrainings = TABLE.kind === "trainings", columns = columnsOf(TABLE.kind), checks = tests(TABLE.words, columns);
  const count = isTrainings ? DATA.trainings.placement.length : DATA.placement.length;
  const texts = columns.filter((column) => column.text), rows = [];
  const where = isTrainings && TABLE.group ? new Map(DATA.placement.map((name, at) => [name, at])) : null;
  for (let at = 0; at < count; at++) {
    if (TABLE.group && !isInGroup(where ? where.get(DATA.trainings.placement[at]) ?? -1 : at)) continue;
    let text = null;
    const all = () => (text ??= texts.map((column) => column.text(at)).join(" ").toLowerCase());
    if (checks.every((check) => check(at, all))) rows.push(at);
  }
  const column = columns.find((one) => one.key === TABLE.sort);
  if (column) {
    const key = column.text ? column.text : column.value, sign = TABLE.isDown ? -1 : 1;
    const isMissing = (value) => !known(value) || value === "";
    rows.sort((a, b) => {
      const one = key(a), other = key(b);
      if (isMissing(one) || isMissing(other)) return isMissing(one) - isMissing(other) || a - b;
      return sign * (one < other ? -1 : one > other ? 1 : 0) || a - b;
    });
  }
  return rows;
}

// ---- drawing ----

function drawTable() {
  TABLE.rows = chosenRows();
  const last = Math.max(0, Math.ceil(TABLE.rows.length / PAGE) - 1);
  TABLE.page = Math.min(TABLE.page, last);
  const columns = columnsOf(TABLE.kind).filter((column) => TABLE.allColumns || !column.isMore);
  const head = el("tr", {}, columns.map((column) => {
    const sorted = TABLE.sort === column.key ? (TABLE.isDown ? "descending" : "ascending") : undefined;
    return el("th", { class: column.text ? "" : "n", "aria-sort": sorted, scope: "col" },
      el("button", { type: "button", onclick: () => sortBy(column) }, (column.label || column.key).replace(/_/g, " ")));
  }));
  const from = TABLE.page * PAGE, shown = TABLE.rows.slice(from, from + PAGE);
  const body = shown.map((at) => el("tr", { "data-at": TABLE.kind === "placements" ? at : undefined, class: TABLE.kind === "placements" && at === FRONT.at ? "chosen" : "" },
    columns.map((column) => el("td", { class: column.text ? "" : "n" }, column.isName ? nameCell(at) : column.cell ? column.cell(at) : cellText(column, at)))));
  byId("rows").replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
  const count = TABLE.rows.length.toLocaleString("en-US");
  byId("shown").textContent = TABLE.rows.length ? `${(from + 1).toLocaleString("en-US")} to ${(from + shown.length).toLocaleString("en-US")} of ${count}` : "no row fits the filter";
  byId("before").disabled = TABLE.page === 0;
  byId("after").disabled = TABLE.page >= last;
}

function nameCell(at) {
  const name = TABLE.kind === "trainings" ? DATA.trainings.placement[at] : DATA.placement[at];
  const show = () => {
    const place = TABLE.kind === "trainings" ? DATA.placement.indexOf(name) : at;
    if (place < 0) return;
    choosePoint(place, true);
    byId("detail").scrollIntoView({ block: "center" });
  };
  return el("button", { type: "button", title: name, onclick: show }, name);
}

function sortBy(column) {
  const again = TABLE.sort === column.key;
  TABLE.isDown = again ? !TABLE.isDown : !column.text;
  TABLE.sort = column.key;
  TABLE.page = 0;
  const at = [...byId("rows").querySelectorAll("thead button")].indexOf(document.activeElement);
  drawTable();
  if (at >= 0) byId("rows").querySelectorAll("thead button")[at].focus();
}

function markRow(at) {
  for (const row of byId("rows").querySelectorAll("tr[data-at]")) row.classList.toggle("chosen", Number(row.dataset.at) === at);
}

function tableText() {
  const columns = columnsOf(TABLE.kind).filter((column) => TABLE.allColumns || !column.isMore);
  const cell = (value) => {
    const text = known(value) ? String(value) : "";
    const safe = typeof value === "string" && /^[=+\-@\t\n]/.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const lines = TABLE.rows.map((at) => columns.map((column) => cell(column.text ? column.text(at) : column.value(at))).join(","));
  return [columns.map((column) => column.key).join(","), ...lines].join("\n");
}

function startTable() {
  const redraw = () => { TABLE.page = 0; drawTable(); };
  byId("table").hidden = false;
  choose(byId("table-choice"), [["placements", "placements"], ["trainings", "trainings"]], "placements", (kind) => { TABLE.kind = kind; TABLE.sort = null; redraw(); });
  let waiting = null;
  byId("filter").addEventListener("input", (event) => {
    TABLE.words = event.target.value;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 60);
  });
  byId("group").addEventListener("change", (event) => { TABLE.group = event.target.value; redraw(); });
  byId("all-columns").addEventListener("change", (event) => { TABLE.allColumns = event.target.checked; drawTable(); });
  byId("before").addEventListener("click", () => { TABLE.page -= 1; drawTable(); });
  byId("after").addEventListener("click", () => { TABLE.page += 1; drawTable(); });
  byId("csv").addEventListener("click", async (event) => {
    const button = event.target, done = await copied(tableText());
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy as CSV"; }, 1500);
  });
  TABLE.sort = DATA.has_gain ? "gain" : DATA.metric.column;
  TABLE.isDown = true;
  drawTable();
}
