"""The networks whose exports are damaged: small, and together with every kind of layer that is commonly exported."""

from __future__ import annotations

HEAD = "graphspec = 1\n[inputs]\n"

NETWORKS = {
    "mlp": """
x = ["N", 20]
[layers]
fc1 = { type = "Linear", out_features = 32 }
act = "ReLU"
fc2 = { type = "Linear", out_features = 5 }
""",
    "activations": """
x = ["N", 12]
[layers]
fc1   = { type = "Linear", out_features = 12 }
leaky = { type = "LeakyReLU", negative_slope = 0.1 }
fc2   = { type = "Linear", out_features = 12 }
elu   = { type = "ELU", alpha = 0.7 }
fc3   = { type = "Linear", out_features = 12 }
gelu  = "GELU"
fc4   = { type = "Linear", out_features = 12 }
prelu = "PReLU"
fc5   = { type = "Linear", out_features = 3 }
out   = { type = "Softmax", dim = 1 }
""",
    "gelu_tanh": """
x = ["N", 10]
[layers]
fc1  = { type = "Linear", out_features = 16 }
gelu = { type = "GELU", approximate = "tanh" }
norm = "LayerNorm"
fc2  = { type = "Linear", out_features = 1 }
out  = "Sigmoid"
""",
    "cnn": """
image = ["N", 1, 12, 12]
[layers]
conv1   = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
relu1   = "ReLU"
pool    = { type = "MaxPool2d", kernel_size = 2 }
conv2   = { type = "Conv2d", out_channels = 8, kernel_size = 3, padding = 1 }
relu2   = "ReLU"
flatten = "Flatten"
fc      = { type = "Linear", out_features = 10 }
""",
    "residual": """
image = ["N", 3, "H", "W"]
[layers]
conv1   = { type = "Conv2d", out_channels = 6, kernel_size = 3, stride = 2, padding = 1, bias = false }
bn1     = "BatchNorm2d"
layer1  = { type = "Block", repeat = 2 }
avgpool = { type = "AdaptiveAvgPool2d", output_size = 1 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 5 }
[blocks.Block.layers]
conv = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1, bias = false }
bn   = { type = "BatchNorm2d", eps = 1e-3 }
add  = { type = "add", from = ["bn", "x"] }
relu = "ReLU"
""",
    "pooling": """
image = ["N", 2, 10, 10]
[layers]
conv = { type = "Conv2d", out_channels = 4, kernel_size = 3, dilation = 2, padding = 2 }
avg  = { type = "AvgPool2d", kernel_size = 3, stride = 2, padding = 1, count_include_pad = true }
tanh = "Tanh"
avg2 = { type = "AvgPool2d", kernel_size = 2, stride = 1, padding = 1, count_include_pad = false }
flat = "Flatten"
fc   = { type = "Linear", out_features = 4 }
""",
    "upsample": """
image = ["N", 2, 6, 6]
[layers]
conv = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
up   = { type = "Upsample", scale_factor = 2.0, mode = "bilinear", align_corners = false }
norm = { type = "GroupNorm", num_groups = 2 }
up2  = { type = "Upsample", scale_factor = 2.0, mode = "bilinear", align_corners = true }
back = { type = "ConvTranspose2d", out_channels = 2, kernel_size = 2, stride = 2 }
""",
    "separable": """
image = ["N", 3, 9, 9]
[layers]
depth = { type = "Conv2d", out_channels = 6, kernel_size = 3, groups = 3, padding = 1 }
bn    = "BatchNorm2d"
swish = "Hardswish"
point = { type = "Conv2d", out_channels = 8, kernel_size = 1 }
inst  = { type = "InstanceNorm2d", affine = true }
silu  = "SiLU"
mean  = { type = "mean", dim = [2, 3] }
fc    = { type = "Linear", out_features = 3 }
""",
    "conv1d": """
x = ["N", 3, "T"]
[layers]
conv1 = { type = "Conv1d", out_channels = 8, kernel_size = 5, padding = 2 }
elu   = "ELU"
conv2 = { type = "Conv1d", out_channels = 8, kernel_size = 3, padding = 1 }
sub   = { type = "sub", from = ["conv2", "elu"] }
pool  = { type = "AdaptiveAvgPool1d", output_size = 1 }
flat  = "Flatten"
fc    = { type = "Linear", out_features = 2 }
""",
    "two_towers": """
a = ["N", 6]
b = ["N", 6]
[layers]
fa  = { type = "Linear", out_features = 8, from = "a" }
fb  = { type = "Linear", out_features = 8, from = "b" }
sub = { type = "sub", from = ["fa", "fb"] }
sig = { type = "Sigmoid", from = "fb" }
mul = { type = "mul", from = ["sub", "sig"] }
cat = { type = "cat", from = ["mul", "fa"], dim = 1 }
out = { type = "Linear", out_features = 2 }
""",
    "embedding": """
tokens = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = 60, embedding_dim = 8 }
mean  = { type = "mean", dim = 1 }
fc1   = { type = "Linear", out_features = 16 }
act   = "Softplus"
fc2   = { type = "Linear", out_features = 4 }
""",
    "lstm": """
x = ["N", "T", 5]
[layers]
lstm = { type = "LSTM", hidden_size = 8, batch_first = true }
last = { type = "select", from = "lstm", dim = 1, index = -1 }
fc   = { type = "Linear", out_features = 4 }
""",
    "gru": """
x = ["N", 6, 5]
[layers]
gru  = { type = "GRU", hidden_size = 8, batch_first = true }
flat = { type = "Flatten", from = "gru" }
fc   = { type = "Linear", out_features = 4 }
""",
    "transformer": """
x = ["N", "T", 16]
[layers]
enc  = { type = "TransformerEncoderLayer", nhead = 2, dim_feedforward = 32, batch_first = true }
norm = "LayerNorm"
mean = { type = "mean", dim = 1 }
fc   = { type = "Linear", out_features = 3 }
""",
}

#: Networks of which changes are hidden: few rows of a table are drawn, units are off, bounds are far.
HIDDEN = {
    "table": """
ids = { shape = ["N", "T"], dtype = "int64" }
[layers]
rows = { type = "Embedding", num_embeddings = 5000, embedding_dim = 8 }
mean = { type = "mean", dim = 1 }
out  = { type = "Linear", out_features = 5 }
""",
    "dead": """
x = ["N", 16]
[layers]
up    = { type = "Linear", out_features = 8 }
level = { type = "Buffer", data = [1000.0, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0] }
low   = { type = "sub", from = ["up", "level"], broadcast = true }
act   = "ReLU"
out   = { type = "Linear", out_features = 5 }
""",
    "bounded": """
x = ["N", 16]
[layers]
a    = { type = "Linear", out_features = 32 }
hard = { type = "Hardtanh", min_val = -100.0, max_val = 100.0 }
b    = { type = "Linear", out_features = 16 }
six  = "ReLU6"
out  = { type = "Linear", out_features = 3 }
""",
    "pictures": """
image = ["N", 1, "H", "W"]
[layers]
conv1 = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1, bias = false }
bn    = "BatchNorm2d"
relu  = "ReLU"
pool  = { type = "AvgPool2d", kernel_size = 3, stride = 1, padding = 1, count_include_pad = true }
conv2 = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
leaky = { type = "LeakyReLU", negative_slope = 0.1 }
mean  = { type = "mean", dim = [2, 3] }
fc    = { type = "Linear", out_features = 3 }
""",
    "series": """
x = ["N", "T", 6]
[layers]
lstm = { type = "LSTM", hidden_size = 5, batch_first = true }
norm = { type = "LayerNorm", from = "lstm.output" }
fc   = { type = "Linear", out_features = 4 }
gelu = "GELU"
out  = { type = "Linear", out_features = 3 }
""",
}

#: Networks like those that people export, with what drawn inputs leave still: for changes in the midst of a graph.
LARGER = {
    "language": """
ids = { shape = ["N", "T"], dtype = "int64" }
kinds = { shape = ["N", "T"], dtype = "int64" }
[dims]
T = { min = 1, max = 60 }
[layers]
words = { type = "Embedding", from = "ids", num_embeddings = 3000, embedding_dim = 16 }
kind  = { type = "Embedding", from = "kinds", num_embeddings = 3000, embedding_dim = 16 }
both  = { type = "add", from = ["words", "kind"] }
enc   = { type = "TransformerEncoderLayer", nhead = 4, dim_feedforward = 24, batch_first = true, activation = "gelu" }
norm  = "LayerNorm"
head  = { type = "Linear", out_features = 7 }
""",
    "mobile": """
image = ["N", 3, "H", "W"]
[layers]
stem   = { type = "Conv2d", out_channels = 8, kernel_size = 3, stride = 2, padding = 1, bias = false }
bn     = "BatchNorm2d"
act    = "ReLU6"
depth  = { type = "Conv2d", out_channels = 8, kernel_size = 3, padding = 1, groups = 8, bias = false }
bn2    = "BatchNorm2d"
swish  = "Hardswish"
pool   = { type = "AdaptiveAvgPool2d", output_size = 1 }
down   = { type = "Conv2d", out_channels = 4, kernel_size = 1 }
relu   = "ReLU"
up     = { type = "Conv2d", out_channels = 8, kernel_size = 1 }
gate   = "Hardsigmoid"
scaled = { type = "mul", from = ["swish", "gate"], broadcast = true }
point  = { type = "Conv2d", out_channels = 8, kernel_size = 1 }
add    = { type = "add", from = ["point", "act"] }
mean   = { type = "AdaptiveAvgPool2d", output_size = 1 }
flat   = "Flatten"
drop   = "Dropout"
fc     = { type = "Linear", out_features = 5 }
""",
    "off": """
image = ["N", 2, "H", "W"]
[layers]
conv1 = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
relu1 = "ReLU"
conv2 = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
act2  = { type = "Threshold", threshold = 0.0, value = 0.0 }
mean  = { type = "mean", dim = [2, 3] }
fc1   = { type = "Linear", out_features = 6 }
relu3 = "ReLU"
fc2   = { type = "Linear", out_features = 3 }
""",
    "u": """
image = ["N", 1, "4*H", "4*W"]
[layers]
d1  = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
r1  = { type = "LeakyReLU", negative_slope = 0.2 }
p1  = { type = "MaxPool2d", kernel_size = 2 }
d2  = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
n2  = "InstanceNorm2d"
r2  = "ELU"
up  = { type = "Upsample", scale_factor = 2.0, mode = "nearest" }
cat = { type = "cat", from = ["up", "r1"], dim = 1 }
u1  = { type = "ConvTranspose2d", out_channels = 3, kernel_size = 3, padding = 1 }
sig = "Sigmoid"
""",
    "bidirectional": """
x = ["N", "T", 5]
[layers]
gru   = { type = "GRU", hidden_size = 6, bidirectional = true, batch_first = true }
head  = { type = "Linear", from = "gru.output", out_features = 3 }
tanh  = "Tanh"
last  = { type = "mean", from = "gru.h_n", dim = 0 }
sort  = { type = "Linear", out_features = 3 }
[outputs]
steps = "tanh"
label = "sort"
""",
    "speech": """
ids = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = 2500, embedding_dim = 6 }
lstm  = { type = "LSTM", hidden_size = 6, num_layers = 2, batch_first = true }
norm  = { type = "LayerNorm", from = "lstm.output" }
head  = { type = "Linear", out_features = 9 }
out   = { type = "LogSoftmax", dim = -1 }
""",
    "two_things": """
numbers = ["N", 7]
others  = ["N", 7]
city    = { shape = ["N"], dtype = "int64" }
[layers]
place = { type = "Embedding", from = "city", num_embeddings = 2600, embedding_dim = 4 }
one   = { type = "Linear", from = "numbers", out_features = 8 }
two   = { type = "Linear", from = "others", out_features = 8 }
held  = { type = "Hardtanh", from = "one", min_val = -40.0, max_val = 40.0 }
less  = { type = "sub", from = ["held", "two"] }
join  = { type = "cat", from = ["less", "place"], dim = 1 }
mid   = { type = "Linear", out_features = 8 }
selu  = "SELU"
score = { type = "Linear", out_features = 4 }
prob  = { type = "Softmax", dim = 1 }
[outputs]
logits = "score"
probability = "prob"
""",
    "waves": """
x = ["N", 2, "T"]
[layers]
c1   = { type = "Conv1d", out_channels = 6, kernel_size = 3, padding = 2, dilation = 2 }
n1   = { type = "GroupNorm", num_groups = 2 }
p1   = "PReLU"
c2   = { type = "Conv1d", out_channels = 6, kernel_size = 3, padding = 1 }
gate = "Softplus"
held = { type = "clamp", min = 0.01, max = 50.0 }
mul  = { type = "mul", from = ["held", "p1"] }
max  = { type = "AdaptiveMaxPool1d", output_size = 1 }
flat = "Flatten"
fc   = { type = "Linear", out_features = 2 }
""",
}
