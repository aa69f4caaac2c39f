// Runs every case of a safetensors file, whose tensors are called CASE.INPUT, in an onnxruntime session.
// The response is such a file too: CASE.OUTPUT, and the message of each case that was refused in its metadata.
"use strict";

const HALF = typeof Float16Array === "undefined" ? Uint16Array : Float16Array;
// safetensors' dtype: onnxruntime's, and the array that holds it.
const DTYPES = {
  F64: ["float64", Float64Array], F32: ["float32", Float32Array], F16: ["float16", HALF],
  I64: ["int64", BigInt64Array], I32: ["int32", Int32Array], I16: ["int16", Int16Array], I8: ["int8", Int8Array],
  U8: ["uint8", Uint8Array], BOOL: ["bool", Uint8Array],
};
const NAMES = Object.fromEntries(Object.entries(DTYPES).map(([name, [type]]) => [type, name]));

function readCases(ort, buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const cases = {};
  for (const [key, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const dot = key.indexOf(".");
    const [type, View] = DTYPES[dtype];
    const data = new View(buffer.slice(8 + length + begin, 8 + length + end));
    (cases[key.slice(0, dot)] ??= {})[key.slice(dot + 1)] = new ort.Tensor(type, data, shape);
  }
  return cases;
}

function writeTensors(tensors, errors) {
  const header = { __metadata__: errors };
  const parts = [];
  let offset = 0;
  for (const [name, { type, data, dims }] of Object.entries(tensors)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype: NAMES[type], shape: [...dims], data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    parts.push(bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let at = 8 + text.length;
  for (const bytes of parts) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

async function runCases(ort, session, buffer) {
  const tensors = {};
  const errors = {};
  for (const [name, inputs] of Object.entries(readCases(ort, buffer))) {
    try {
      const outputs = await session.run(inputs);
      for (const output of session.outputNames) tensors[`${name}.${output}`] = outputs[output];
    } catch (error) {
      errors[name] = String(error);
    }
  }
  return writeTensors(tensors, errors);
}

if (typeof module !== "undefined") module.exports = { runCases };
