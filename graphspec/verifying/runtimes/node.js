// Runs an ONNX file on every case in onnxruntime-node: node node.js MODEL INPUTS OUTPUTS.
"use strict";

const fs = require("node:fs");
const ort = require("onnxruntime-node");
const { runCases } = require("./cases.js");

async function main([model, inputs, outputs]) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ["cpu"], intraOpNumThreads: 1 });
  const file = fs.readFileSync(inputs);
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  fs.writeFileSync(outputs, await runCases(ort, session, bytes));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
