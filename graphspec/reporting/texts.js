"use strict";
// A text in the page: its tokens by tokenizer.json, as Hugging Face's `tokenizers` makes them, and what the network says of it.

// How a text is cut up before anything is looked up; what Rust's regex calls \w and \s.
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}", SPACE = "\\p{White_Space}";
const PIECES = {
  Char: /[\s\S]/gu,
  WordLevel: new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]+`, "gu"),
  BPE: new RegExp(`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|${SPACE}+(?![^${SPACE}])|${SPACE}+`, "gu"),
};
const UNKNOWN = 1, NO_TEXT = 2;

// The characters that stand for bytes (Radford et al. 2019).
function byteCharacters() {
  const found = new Array(256);
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    const shown = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    found[byte] = String.fromCodePoint(shown ? byte : 256 + others++);
  }
  return found;
}

// `encode` gives a text's ids, `decode` the text of ids; special ones stand for none.
function tokenizerOf(kind, said) {
  const ids = new Map(Object.entries(said.model.vocab)), pieces = new Map([...ids].map(([piece, id]) => [id, piece]));
  const cut = (text) => text.match(PIECES[kind]) || [];
  const named = (found) => found.filter((id) => id >= NO_TEXT).map((id) => pieces.get(id) ?? "");
  if (kind !== "BPE") {
    const id = (piece) => ids.get(piece) ?? UNKNOWN;
    return { encode: (text) => cut(text).map(id), decode: (found) => named(found).join(kind === "Char" ? "" : " ") };
  }
  const characters = byteCharacters(), bytes = new Map(characters.map((character, byte) => [character, byte]));
  const ranks = new Map(said.model.merges.map((pair, rank) => [typeof pair === "string" ? pair : pair.join(" "), rank]));
  const merged = (parts) => {
    for (;;) {
      let best = Infinity, at = -1;
      for (let place = 0; place + 1 < parts.length; place++) {
        const rank = ranks.get(parts[place] + " " + parts[place + 1]);
        if (rank < best) [best, at] = [rank, place];
      }
      if (at < 0) return parts;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
  };
  const encoder = new TextEncoder(), decoder = new TextDecoder();
  const of = (piece) => merged(Array.from(encoder.encode(piece), (byte) => characters[byte])).map((part) => ids.get(part) ?? UNKNOWN);
  return {
    encode: (text) => cut(text).flatMap(of),
    decode: (found) => decoder.decode(Uint8Array.from([...named(found).join("")].map((character) => bytes.get(character) ?? 63))),
  };
}

let tokenizer;

async function openedTokenizer() {
  tokenizer = tokenizerOf(form.tokenizer, JSON.parse(new TextDecoder().decode(await unpacked("tokenizer"))));
}

// Each text's ids, padded or cut as in training, and where a token stands.
function given(fields) {
  const inputs = {}, notes = [];
  form.texts.forEach(({ name, ids, mask }, at) => {
    const found = tokenizer.encode(fields[at].value), kept = found.slice(0, form.length);
    const padding = new Array(form.length - kept.length).fill(0), shape = [1, form.length];
    inputs[ids.name] = tensor(ids.dtype, [...kept, ...padding], shape);
    if (mask) inputs[mask.name] = tensor(mask.dtype, [...kept.fill(1), ...padding], shape);
    notes.push(said(form.texts.length > 1 ? name : "", found));
  });
  return { inputs, notes };
}

function said(name, found) {
  const unknown = found.filter((id) => id === UNKNOWN).length;
  const cut = !form.running && found.length > form.length ? `, cut to ${form.length}` : "";
  return `${name ? name + ": " : ""}${found.length} tokens${cut}${unknown ? `, ${unknown} of them unknown` : ""}`;
}

function texts() {
  const fields = form.texts.map(({ name }) => {
    if (form.texts.length > 1) made("p", name, entry, { className: "faint" });
    return made("textarea", "", entry, { spellcheck: false });
  });
  const note = made("p", "", entry, { className: "faint" });
  if (form.running) return running(fields[0], note);
  made("button", "Predict", entry).addEventListener("click", () => (async () => {
    const { inputs, notes } = given(fields);
    note.textContent = notes.join("; ");
    show(await session.run(inputs));
  })().catch(mistake));
}

// A running text goes on: each token is drawn behind those before it, as `graphspec predict --prompt` draws them.
function running(field, note) {
  const [{ ids }] = form.texts, width = { min: 0, step: "any", type: "number" };
  const labelled = (text, value, more) => made("input", "", made("label", text + " ", entry), { value, ...more });
  const temperature = labelled("temperature", "1", width), count = labelled("tokens", "100", { ...width, step: 1 });
  const scores = async (seen) => {
    const wide = form.width || seen.length, padded = [...seen, ...new Array(wide - seen.length).fill(0)];
    const found = (await session.run({ [ids.name]: tensor(ids.dtype, padded, [1, wide]) }))[outputs[0]];
    const [, most, places] = found.dims, last = [], at = seen.length - 1;
    for (let id = 0; id < most; id++) last.push(id < NO_TEXT ? -Infinity : Number(found.data[id * places + at]));
    return last;
  };
  const drawn = (values, heat) => {
    if (!(heat > 0)) return greatest(values);
    const top = Math.max(...values), shares = values.map((value) => Math.exp((value - top) / heat));
    let left = Math.random() * shares.reduce((sum, share) => sum + share, 0);
    return Math.max(shares.findIndex((share) => (left -= share) < 0), greatest(shares) * (left >= 0));
  };
  made("button", "Go on", entry).addEventListener("click", () => (async () => {
    const found = tokenizer.encode(field.value), begun = found.length;
    if (!begun) throw new Error("write a beginning: one character is enough");
    note.textContent = said("", found);
    const before = tokenizer.decode(found);
    for (let step = 0; step < Number(count.value); step++) {
      found.push(drawn(await scores(found.slice(-Math.min(form.length, form.width || form.length))), Number(temperature.value)));
      answer.textContent = field.value + tokenizer.decode(found).slice(before.length);
    }
    answer.style.whiteSpace = "pre-wrap";
    answer.dataset.text = tokenizer.decode(found).slice(before.length);
    answer.dataset.count = String(Number(answer.dataset.count || 0) + 1);
  })().catch(mistake));
}
