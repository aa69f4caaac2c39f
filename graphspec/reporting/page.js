"use strict";
// The model in the page. Texts of the file enter the document as text alone, never as HTML.
const described = JSON.parse(document.getElementById("described").textContent);
const { form, labels, outputs, decision } = described;
const answer = document.getElementById("answer");
const entry = document.getElementById("entry");
const MOST_BARS = 10, MOST_PLACES = 4096;
let ort, session, rest;

// ---- the model

async function unpacked(name) {
  const node = document.getElementById("file-" + name);
  const bytes = Uint8Array.from(atob(node.textContent), (c) => c.charCodeAt(0));
  node.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const address = URL.createObjectURL(new Blob([await unpacked("loader")], { type: "text/javascript" }));
  ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpacked("kernels")).buffer;
  const opened = async (name) => ort.InferenceSession.create(await unpacked(name), { executionProviders: ["wasm"] });
  session = await opened("model");
  if (described.look) rest = await opened("rest").catch(() => undefined);
  if (form.kind === "text") await openedTokenizer();
  answer.textContent = "";
  document.body.dataset.ready = "yes";
}

const KINDS = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array, bool: Uint8Array };

function tensor(dtype, values, shape) {
  if (dtype === "string") return new ort.Tensor("string", values.map(String), shape);
  const data = dtype === "int64" ? BigInt64Array.from(values, (v) => BigInt(Math.round(v))) : KINDS[dtype].from(values);
  return new ort.Tensor(dtype, data, shape);
}

const numbers = (found) => Array.from(found.data, Number);
const greatest = (values) => values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
const label = (at) => (labels && labels[at] !== undefined ? labels[at] : String(at));

// ---- the document

function made(tag, text, parent, properties = {}) {
  const node = Object.assign(document.createElement(tag), properties);
  node.textContent = text || "";
  if (parent) parent.append(node);
  return node;
}

function mistake(error) {
  answer.textContent = "";
  made("p", String(error.message || error), answer, { className: "mistake" });
}

function show(found) {
  answer.textContent = "";
  const shares = found.probabilities, single = found.label && found.label.dims.length === 1;
  if (single) made("p", label(numbers(found.label)[0]), answer, { className: "first" });
  if (shares && shares.dims.length === 2) bars(numbers(shares));
  for (const name of outputs) {
    const { dims } = found[name];
    if ((name === "label" && single) || (name === "probabilities" && dims.length === 2)) continue;
    if (name === "label") classes(numbers(found.label), dims.slice(1));
    else if (dims.length <= 2) made("p", `${name}: ` + numbers(found[name]).slice(0, 50).map((v) => String(+v.toPrecision(6))).join(", "), answer);
    else made("p", `${name}: ${dims.join(" × ")}`, answer, { className: "faint" });
  }
  answer.dataset.values = JSON.stringify(numbers(shares || found[outputs[0]]).slice(0, 1e4));
  answer.dataset.count = String(Number(answer.dataset.count || 0) + 1);
}

function bars(shares) {
  const all = shares.map((value, at) => [value, at]).sort((a, b) => b[0] - a[0]);
  for (const [value, at] of all.slice(0, MOST_BARS)) {
    const bar = made("div", "", answer, { className: "bar" });
    made("span", label(at), bar);
    made("i", "", made("span", "", bar)).style.width = 100 * value + "%";
    made("span", (100 * value).toFixed(1) + " %", bar);
  }
}

// ---- pictures: as Pillow's "L" and "RGB" give them

function batch(pixels, width, height) {
  const { channels, last, dtype } = form, count = width * height;
  const values = new Array(count * channels), scale = dtype === "uint8" ? 1 : 255;
  for (let i = 0; i < count; i++) {
    const [r, g, b] = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]];
    const each = channels === 1 ? [(r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16] : [r, g, b];
    for (let c = 0; c < channels; c++) values[last ? i * channels + c : c * count + i] = each[c] / scale;
  }
  return { [form.name]: tensor(dtype, values, last ? [1, height, width, channels] : [1, channels, height, width]) };
}

// The nearest size that the network takes, where it has to be a multiple.
const multiple = (size, of) => (of ? Math.max(1, Math.round(size / of)) * of : size);

function pictures() {
  const width = form.width || multiple(224, form.of_width), height = form.height || multiple(224, form.of_height), side = 280;
  const canvas = made("canvas", "", entry), small = made("canvas");
  const fit = (w, h) => {
    const scale = side / Math.max(w, h);
    [canvas.width, canvas.height] = [w, h].map((size) => Math.max(1, Math.round(size * scale)));
  };
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const note = made("p", `Draw with the mouse, or drop a picture here (${form.width ? "" : "any size, drawn at "}${width} × ${height}).`, entry, { className: "faint" });
  const again = made("button", "Clear", entry), look = made("button", "Where it looks", entry, { disabled: true });
  const file = made("input", "", entry, { type: "file", accept: "image/*" });
  look.title = "HiResCAM of the last convolution";
  look.hidden = !described.look;
  let last = null, drawing = false, stale = false, shown = null;

  const clear = () => {
    fit(width, height);
    pen.lineCap = pen.lineJoin = "round";
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    [last, shown, stale, look.disabled] = [null, null, false, true];
  };
  // Back to the picture itself, without what was laid over it.
  const bare = () => { if (stale && shown) pen.putImageData(shown, 0, 0); stale = false; };
  const keep = () => { shown = pen.getImageData(0, 0, canvas.width, canvas.height); };

  async function predict(source, w, h) {
    [small.width, small.height] = [w, h];
    const to = small.getContext("2d", { willReadFrequently: true });
    to.imageSmoothingQuality = "high";
    to.drawImage(source, 0, 0, w, h);
    last = batch(to.getImageData(0, 0, w, h).data, w, h);
    show(await session.run(last));
    look.disabled = !rest;
  }
  async function taken(chosen) {
    const bitmap = await createImageBitmap(chosen, { colorSpaceConversion: "none" });
    const w = form.width || multiple(bitmap.width, form.of_width), h = form.height || multiple(bitmap.height, form.of_height);
    fit(w, h);
    const resized = bitmap.width !== w || bitmap.height !== h;
    note.textContent = resized ? `brought from ${bitmap.width} × ${bitmap.height} to ${w} × ${h}` : `${w} × ${h}`;
    pen.imageSmoothingEnabled = bitmap.width > canvas.width;
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    stale = false;
    keep();
    await predict(bitmap, w, h);
  }
  entry.bare = bare;
  // A small picture of colours and opacities over the large one: smoothly, or crisp and over grey.
  entry.overlay = (w, h, colour, crisp) => {
    const layer = made("canvas"), image = new ImageData(w, h);
    [layer.width, layer.height] = [w, h];
    for (let at = 0; at < w * h; at++) {
      const [rgb, opacity] = colour(at);
      image.data.set([...rgb.split(",").map(Number), Math.round(255 * opacity)], 4 * at);
    }
    layer.getContext("2d").putImageData(image, 0, 0);
    bare();
    keep();
    if (crisp) [pen.filter, pen.globalCompositeOperation] = ["grayscale(1)", "copy"];
    if (crisp) pen.drawImage(canvas, 0, 0);
    [pen.filter, pen.globalCompositeOperation] = ["none", "source-over"];
    pen.imageSmoothingEnabled = !crisp;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(layer, 0, 0, canvas.width, canvas.height);
    stale = true;
  };

  canvas.addEventListener("pointerdown", (event) => {
    bare();
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    pen.strokeStyle = "#fff";
    pen.lineWidth = Math.max(2, canvas.width / 9);
    pen.lineTo(event.offsetX, event.offsetY);
    pen.stroke();
  });
  canvas.addEventListener("pointerup", () => {
    if (!drawing) return;
    drawing = false;
    keep();
    predict(canvas, width, height).catch(mistake);
  });
  again.addEventListener("click", () => { clear(); answer.textContent = ""; });
  file.addEventListener("change", () => file.files[0] && taken(file.files[0]).catch(mistake));
  // Anywhere: beside its place a picture would be opened instead of the page.
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, (event) => {
    event.preventDefault();
    entry.classList.toggle("drop", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) taken(event.dataTransfer.files[0]).catch(mistake);
  });
  look.addEventListener("click", () => last && looked(last).catch(mistake));
  clear();

  async function looked(inputs) {
    look.disabled = true;
    const found = await seen(inputs);
    look.disabled = false;
    if (!found) {
      note.textContent = "its last convolution has no places to look at";
      return;
    }
    const most = Math.max(...found.map);
    entry.overlay(found.width, found.height, (at) => ["255,40,0", most > 0 ? 0.75 * found.map[at] / most : 0]);
    note.textContent = most > 0 ? `red: what speaks for "${label(found.at)}" (class activation map of the last convolution)` : "no place speaks for it";
    document.body.dataset.looked = JSON.stringify(found);
  }
}

// HiResCAM: how the class's score changes where the activations of one place are scaled, by differences.
async function seen(inputs) {
  const { seen, beside, score } = described.look;
  const first = await session.run(inputs);
  const active = first[seen], [, channels, height, width] = active.dims, places = height * width;
  if (active.dims.length !== 4 || places < 2 || places > MOST_PLACES) return null;
  const values = Float32Array.from(active.data), at = numbers(first.label)[0];
  const scaled = async (place, by) => {
    const changed = values.slice();
    for (let channel = 0; channel < channels; channel++) changed[channel * places + place] *= by;
    const given = Object.fromEntries(beside.map((name) => [name, first[name]]));
    const scores = numbers((await rest.run({ ...given, [seen]: tensor("float32", changed, active.dims) }))[score]);
    const own = scores.length === 1 ? 0 : at;
    const turned = decision.rule === "least" || (scores.length === 1 && (decision.rule === "below") === (at === 1));
    return turned ? -scores[own] : scores[own];
  };
  const map = [];
  for (let place = 0; place < places; place++) map.push((await scaled(place, 1.02) - await scaled(place, 0.98)) / 0.04);
  return { at, width, height, map: map.map((value) => Math.max(0, value)) };
}

// ---- numbers, and the cells of a table

const shortly = (values) => values.map((v) => String(v)).join(", ");

function plain() {
  const { count, shape, example, columns } = form;
  const what = columns.length ? columns.join(", ") : `${shape.join(" × ") || 1} number${count > 1 ? "s" : ""}`;
  made("p", `${what}: as in the data, with commas or spaces between.`, entry, { className: "faint" });
  const text = made("textarea", "", entry, { spellcheck: false, value: example ? shortly(example) : "" });
  const predict = async () => {
    const values = text.value.split(/[\s,;]+/).filter(Boolean).map(Number);
    if (values.length !== count || values.some((value) => !Number.isFinite(value)))
      throw new Error(`these are ${values.length} values, and ${count} numbers are needed`);
    show(await session.run({ [form.name]: tensor(form.dtype, values, [1, ...shape]) }));
  };
  made("br", "", entry);
  made("button", "Predict", entry).addEventListener("click", () => predict().catch(mistake));
}

function cells() {
  const table = made("div", "", entry, { className: "cells" });
  const fields = form.columns.map((column, at) => {
    const line = made("label", "", table);
    made("span", column.name, line);
    const field = made("input", "", line, { value: column.example === null ? "" : String(column.example), spellcheck: false });
    if (column.texts.length) {
      const list = made("datalist", "", line, { id: `texts-${at}` });
      for (const text of column.texts) made("option", "", list, { value: text });
      field.setAttribute("list", list.id);
    }
    return field;
  });
  const predict = async () => {
    const given = form.columns.map(({ name, dtype }, at) => {
      const text = fields[at].value.trim(), value = dtype === "string" ? fields[at].value : text === "" ? NaN : Number(text);
      if (dtype !== "string" && text !== "" && !Number.isFinite(value)) throw new Error(`${name} takes a number, not "${text}"`);
      return [name, tensor(dtype, [value], [1])];
    });
    show(await session.run(Object.fromEntries(given)));
  };
  made("p", "An empty cell is a missing one.", entry, { className: "faint" });
  made("button", "Predict", entry).addEventListener("click", () => predict().catch(mistake));
}

({ picture: pictures, numbers: plain, cells, text: texts })[form.kind]();
start().catch(mistake);
