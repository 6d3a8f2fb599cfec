#pragma once
#include <string>

namespace fennec {

struct ModelConfig {
  std::string base = "models/sensor-tiny";
};

template <class Visitor>
void fields(Visitor& v, ModelConfig& c) {
  v("base", c.base, "Hugging Face directory of the frozen base model");
}

}  // namespace fennec
