"""Networks that no other table has: attention of two outputs, a U with a skip, recurrent layers, places, boxes."""

from __future__ import annotations

FOURTH = {
    "attention": """
x = ["N", "T", 8]
[layers]
att  = { type = "MultiheadAttention", num_heads = 2, batch_first = true, from = ["x", "x", "x"] }
add  = { type = "add", from = ["att.attn_output", "x"] }
norm = "LayerNorm"
fc   = { type = "Linear", out_features = 3 }
[outputs]
tokens = "fc"
weights = "att.attn_output_weights"
""",
    "u with a skip": """
image = ["N", 2, "2*H", "2*W"]
[layers]
enc  = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
act  = "SiLU"
down = { type = "Conv2d", out_channels = 6, kernel_size = 3, stride = 2, padding = 1, bias = false }
bn   = "BatchNorm2d"
mid  = "Hardswish"
up   = { type = "ConvTranspose2d", out_channels = 4, kernel_size = 2, stride = 2 }
skip = { type = "cat", from = ["up", "act"], dim = 1 }
dec  = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
gelu = "GELU"
out  = { type = "Conv2d", out_channels = 2, kernel_size = 1 }
[outputs]
mask = "out"
deep = "mid"
""",
    "steps": """
x = ["N", "T", 4]
[layers]
rnn  = { type = "RNN", hidden_size = 6, num_layers = 2, batch_first = true }
lstm = { type = "LSTM", from = "rnn.output", hidden_size = 5, batch_first = true }
last = { type = "select", from = "lstm", dim = 1, index = -1 }
fc   = { type = "Linear", out_features = 3 }
step = { type = "Linear", from = "rnn.output", out_features = 2 }
[outputs]
label = "fc"
tags = "step"
state = "lstm.c_n"
""",
    "places": """
ids = { shape = ["N", "T"], dtype = "int64" }
places = { shape = ["N", "T"], dtype = "int64" }
[layers]
word  = { type = "Embedding", from = "ids", num_embeddings = 2200, embedding_dim = 8, padding_idx = 0 }
place = { type = "Embedding", from = "places", num_embeddings = 48, embedding_dim = 8 }
sum   = { type = "add", from = ["word", "place"] }
norm  = "LayerNorm"
q     = { type = "Linear", out_features = 8 }
k     = { type = "Linear", from = "norm", out_features = 8 }
v     = { type = "Linear", from = "norm", out_features = 8 }
att   = { type = "scaled_dot_product_attention", from = ["q", "k", "v"], is_causal = true }
res   = { type = "add", from = ["att", "norm"] }
relu  = "ReLU"
head  = { type = "Linear", out_features = 5 }
""",
    "boxes": """
image = ["N", 3, 16, 16]
[layers]
stem  = { type = "Conv2d", out_channels = 6, kernel_size = 3, stride = 2, padding = 1 }
a1    = "SiLU"
near  = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
a2    = "ReLU"
pool  = { type = "MaxPool2d", kernel_size = 2 }
far   = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
a3    = "ReLU"
box1  = { type = "Conv2d", from = "a2", out_channels = 4, kernel_size = 1 }
box2  = { type = "Conv2d", from = "a3", out_channels = 4, kernel_size = 1 }
f1    = { type = "Flatten", from = "box1", start_dim = 2 }
f2    = { type = "Flatten", from = "box2", start_dim = 2 }
both  = { type = "cat", from = ["f1", "f2"], dim = 2 }
held  = { type = "clamp", max = 4.135 }
size  = "exp"
cls1  = { type = "Conv2d", from = "a2", out_channels = 3, kernel_size = 1 }
cls2  = { type = "Conv2d", from = "a3", out_channels = 3, kernel_size = 1 }
c1    = { type = "Flatten", from = "cls1", start_dim = 2 }
c2    = { type = "Flatten", from = "cls2", start_dim = 2 }
every = { type = "cat", from = ["c1", "c2"], dim = 2 }
prob  = "Sigmoid"
best  = { type = "argmax", dim = 1 }
[outputs]
boxes = "size"
scores = "prob"
labels = "best"
""",
}
