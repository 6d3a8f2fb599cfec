#include "tests/support/doctest_torch.h"

#include "model/rope.h"

#include <cmath>

#include "tests/model/golden.h"
#include "tests/support/shared.h"

namespace {

using namespace fennec;
using fennec::test::golden_tensor;
using fennec::test::max_difference;

RopeConfig make(const char* type, double theta, double factor = 1, std::int64_t original = 0) {
  RopeConfig c;
  c.type = type;
  c.theta = theta;
  c.factor = factor;
  c.original_max_positions = original;
  return c;
}

void check_frequencies(const std::string& name, const Rope& rope, std::int64_t length) {
  const auto file = Safetensors::open(fennec::test::shared("golden/rope_vectors.safetensors"));
  const auto frequencies = golden_tensor(file, name + ".inv_freq");
  CHECK(((rope.inv_freq(length) - frequencies) / frequencies).abs().max().item<double>() < 3e-7);
  CHECK(rope.attention_factor() ==
        doctest::Approx(golden_tensor(file, name + ".attention_factor").item<double>()).epsilon(1e-12));
}

void check_vectors(const std::string& name, const RopeConfig& config) {
  CAPTURE(name);
  const auto file = Safetensors::open(fennec::test::shared("golden/rope_vectors.safetensors"));
  const auto cos = golden_tensor(file, name + ".cos"), sin = golden_tensor(file, name + ".sin");
  const std::int64_t dim = cos.size(1);
  const Rope rope(config, dim);
  check_frequencies(name, rope, 0);
  const auto positions = golden_tensor(file, name + ".positions");
  const RopeTable table = rope.table(positions);
  // One unit in the last place of a frequency moves the angle at position p by p·2⁻²³.
  const at::Tensor tolerance = (positions.to(at::kDouble) * 2.5e-7 + 1e-6).unsqueeze(1);
  CHECK(((table.cos - cos.narrow(1, 0, dim / 2)).abs() <= tolerance).all().item<bool>());
  CHECK(((table.sin - sin.narrow(1, 0, dim / 2)).abs() <= tolerance).all().item<bool>());
}

}  // namespace

TEST_CASE("rope: frequencies, angles and attention factor match the reference vectors") {
  FENNEC_NEEDS_SHARED("golden/rope_vectors.safetensors");
  check_vectors("llama2", make("default", 10000));
  check_vectors("qwen2", make("default", 1e6));
  check_vectors("llama3", make("default", 500000));
  check_vectors("llama3.1", make("llama3", 500000, 8, 8192));
  check_vectors("llama3.2", make("llama3", 500000, 32, 8192));
  check_vectors("linear", make("linear", 10000, 4));
  check_vectors("qwen2.5-yarn", make("yarn", 1e6, 4, 32768));
}

TEST_CASE("rope: dynamic scaling grows with the text, and only beyond the trained length") {
  FENNEC_NEEDS_SHARED("golden/rope_vectors.safetensors");
  RopeConfig config = make("dynamic", 10000, 4);
  config.max_positions = 2048;
  check_frequencies("dynamic", Rope(config, 64), 2048);
  const at::Tensor stretched = Rope(config, 64).inv_freq(3000);
  const double base = 10000 * std::pow(4 * 3000.0 / 2048 - 3, 64.0 / 62);
  for (std::int64_t i = 0; i < 32; ++i)
    CHECK(stretched[i].item<double>() ==
          doctest::Approx(std::pow(base, -2 * static_cast<double>(i) / 64)).epsilon(1e-6));
}

TEST_CASE("rope: how many dimensions rotate is rounded down") {
  RopeConfig config;
  config.partial_rotary_factor = 0.25;
  CHECK(rotary_dim(config, 16) == 4);
  CHECK(rotary_dim(config, 30) == 7);
}
