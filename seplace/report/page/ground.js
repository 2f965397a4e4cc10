"use strict";
// Ground: elements whose text is text, numbers, the theme, copying. Names from data are only ever set as textContent.

const DATA = {};

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== "") node.append(child);
  }
  return node;
}

const byId = (id) => document.getElementById(id);
const known = (value) => value !== null && value !== undefined;

// ---- numbers ----

const trueMinus = (text) => text.replace(/-/g, "\u2212");

function fixed(value, digits, signed) {
  if (!known(value)) return "\u2013";
  const small = digits > 8 && value !== 0 && Math.abs(value) < 1e-3;
  const text = small ? value.toExponential(2) : value.toFixed(digits);
  if (!/[1-9]/.test(text)) return text.replace("-", "");
  return trueMinus((signed && value > 0 ? "+" : "") + text);
}

function quantity(value, signed) {
  // As in the terminal: 3.894G, +512, 0.0312
  if (!known(value)) return "\u2013";
  const size = Math.abs(value), sign = signed && value > 0 ? "+" : "";
  for (const [scale, prefix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= 10 * scale || (size >= scale && scale > 1e3)) {
      return trueMinus(sign + Number((value / scale).toPrecision(4)) + prefix);
    }
  }
  const whole = Number.isInteger(value) || size >= 999.5;
  return trueMinus(sign + (whole ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)))));
}

function interval(columns, name, at, digits, signed) {
  const nodes = [el("span", { class: "num" }, fixed(columns[name][at], digits, signed))];
  const low = columns[name + "_lower"][at], high = columns[name + "_upper"][at];
  if (known(low) && low !== high) {
    nodes.push(" ", el("span", { class: "bounds" }, `${fixed(low, digits, signed)} to ${fixed(high, digits, signed)}`));
  }
  return nodes;
}

function shareOf(value, signed) {
  const size = Math.abs(value);
  return `${fixed(value, size < 10 ? 2 : size < 100 ? 1 : 0, signed)} %`;
}

const percent = (share) => (known(share) ? `${Math.round(100 * share)} %` : "\u2013");
const shellQuoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`);

// ---- theme ----

function isDark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function onTheme(redraw) {
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

// ---- copying ----

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { style: "position:fixed;opacity:0", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const done = await copied(button.dataset.copy);
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before;
  button.textContent = done ? "Copied" : "Select it";
  setTimeout(() => { button.textContent = before; }, 1500);
});

function command(text) {
  return el("div", { class: "command" }, el("code", {}, text.split(" ").flatMap((word, at) => (at ? [" ", el("span", {}, word)] : [el("span", {}, word)]))),
    el("button", { type: "button", class: "copy", "data-copy": text }, "Copy"));
}

// ---- a row of choices, one of which holds ----

function choose(fieldset, options, value, onChange) {
  for (const [key, label] of options) {
    const input = el("input", { type: "radio", name: fieldset.id, value: key, checked: key === value });
    input.addEventListener("change", () => onChange(key));
    fieldset.append(el("label", {}, input, el("span", {}, label)));
  }
  fieldset.hidden = options.length < 2;
}
