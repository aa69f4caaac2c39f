"""ONNX files as networks: each node a layer of torch's or a call of a function, in one flat module."""
