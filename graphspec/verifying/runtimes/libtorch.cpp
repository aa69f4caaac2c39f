// Runs a TorchScript file on every case: libtorch MODEL INPUTS OUTPUTS.
//
// INPUTS is {case: {input: tensor}}, the inputs in forward's order, as torch.save writes it. OUTPUTS will be a tuple of
// (case, output, tensor), or (case, "", message) where the model refused the case. A model's only output is called "".

#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/script.h>

#include <fstream>
#include <iostream>
#include <iterator>

namespace {

using Values = std::vector<c10::IValue>;

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void append(Values& responses, const c10::IValue& name, const c10::IValue& output, const c10::IValue& value) {
  responses.emplace_back(c10::ivalue::Tuple::create(Values{name, output, value}));
}

void run(torch::jit::Module& model, const c10::IValue& name, const c10::IValue& inputs, Values& responses) {
  Values arguments;
  for (const auto& entry : inputs.toGenericDict()) arguments.push_back(entry.value());
  const c10::IValue result = model.forward(arguments);
  if (result.isTensor()) return append(responses, name, "", result);
  for (const auto& entry : result.toGenericDict()) append(responses, name, entry.key(), entry.value());
}

}  // namespace

int main(int, char** argv) {
  try {
    c10::InferenceMode guard;
    torch::jit::Module model = torch::jit::load(argv[1]);
    Values responses;
    for (const auto& entry : torch::jit::pickle_load(read(argv[2])).toGenericDict()) {
      try {
        run(model, entry.key(), entry.value(), responses);
      } catch (const std::exception& error) {
        append(responses, entry.key(), "", std::string(error.what()));
      }
    }
    const std::vector<char> bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create(responses));
    std::ofstream(argv[3], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
