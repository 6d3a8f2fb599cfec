// The first values of an adapter's tensors.
#include <algorithm>
#include <cmath>
#include <optional>

#include "core/adapter_plan.h"
#include "core/base_modules.h"
#include "core/error.h"

namespace fennec {
namespace {

std::vector<float> base_values(const CheckpointFiles& files, const std::string& module) {
  const TensorView& tensor = weight_of_module(files, module);
  std::vector<float> values(tensor.element_count());
  if (const auto done = to_float(tensor, values); !done)
    throw IoError("tensor '" + tensor.name + "' of the base model: " + done.error().message);
  return values;
}

/// L2 norm over the inputs of each output. Squares of floats are exact in double, so a fused
/// multiply-add changes nothing and the sum, taken in input order, is the same on every machine.
void fill_row_norms(const std::vector<float>& weight, bool transposed, std::span<float> out) {
  const std::size_t outputs = out.size(), inputs = weight.size() / outputs;
  for (std::size_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < inputs; ++i) {
      const double w = static_cast<double>(weight[transposed ? i * outputs + o : o * inputs + i]);
      sum += w * w;
    }
    out[o] = static_cast<float>(std::sqrt(sum));
  }
}

/// N(0, 1) as the sum of twelve uniform draws, less 6: no log or cosine, whose last bit depends on the
/// machine's library.
void fill_near_normal(Seed seed, std::span<float> out) {
  RandomStream stream(seed);
  for (float& value : out) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(stream.next_u32()) * 0x1p-32;
    value = static_cast<float>(sum);
  }
}

/// @param files  opened when the first tensor needs it
void fill(const AdapterPlan& plan, const AdapterTensor& tensor, Seed draw, std::span<float> out,
          std::optional<CheckpointFiles>& files) {
  const auto values = [&] {
    if (!files) files = CheckpointFiles::open(plan.base);
    return base_values(*files, tensor.module);
  };
  switch (tensor.start) {
    case AdapterStart::kZeros:
      return;
    case AdapterStart::kOnes:
      std::ranges::fill(out, 1.0F);
      return;
    case AdapterStart::kUniform: {
      const float bound = 1.0F / std::sqrt(static_cast<float>(tensor.shape.at(1)));
      fill_uniform(draw, out, -bound, bound);
      return;
    }
    case AdapterStart::kNormal:
      fill_near_normal(draw, out);
      return;
    case AdapterStart::kRowNorms:
      // Only the layers' linears are stored transposed, never the output head.
      fill_row_norms(values(), plan.config.fan_in_fan_out && layer_index(tensor.module) >= 0, out);
      return;
    case AdapterStart::kBase:
      std::ranges::copy(values(), out.begin());
      return;
  }
}

/// A tensor's draw depends on its place among all tensors, trained or not.
ParameterSet start_of(const AdapterPlan& plan, const LayoutPtr& layout, Seed seed) {
  ParameterSet out(layout);
  std::optional<CheckpointFiles> files;
  for (std::size_t i = 0; i < plan.tensors.size(); ++i)
    if (const ParameterEntry* entry = layout->find(plan.tensors[i].name))
      fill(plan, plan.tensors[i], seed.child("lora_init", i), out.values(*entry), files);
  return out;
}

}  // namespace

ParameterSet initial_adapter(const AdapterPlan& plan, Seed seed) {
  return start_of(plan, plan.layout, seed);
}

ParameterSet frozen_adapter(const AdapterPlan& plan, Seed seed) {
  return start_of(plan, plan.frozen, seed);
}

}  // namespace fennec
