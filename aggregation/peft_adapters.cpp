#include "aggregation/peft_adapters.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <tuple>

#include "core/error.h"

namespace fennec {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

std::string shape_text(const ParameterEntry& entry) {
  std::string out = "[";
  for (const std::int64_t n : entry.shape) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
  return out + "]";
}

/// One directory, read and told apart from the first.
class Reader {
 public:
  Reader(const std::filesystem::path& directory, const PeftAdapter* first, std::string first_name)
      : name_(directory.string()),
        first_(first),
        first_name_(std::move(first_name)),
        adapter_(read_peft_directory(directory)) {
    check_config();
    pairs_ = pairs_of(adapter_);
    if (first_ != nullptr) check_tensors();
  }

  ClientAdapter client(double weight) const {
    ClientAdapter out{name_, weight, factors_of(adapter_.tensors, pairs_)};
    for (std::size_t m = 0; m < pairs_.size(); ++m)
      out.modules[m].b *= lora_scale(adapter_.config, module_of(m), out.modules[m].rank());
    return out;
  }
  std::vector<std::string> modules() const {
    std::vector<std::string> out;
    for (std::size_t m = 0; m < pairs_.size(); ++m) out.push_back(module_of(m));
    return out;
  }
  PeftAdapter take() && { return std::move(adapter_); }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw ConfigError(name_ + ": " + what); }

  std::string module_of(std::size_t m) const { return pairs_[m].module.substr(kPrefix.size()); }

  void check_config() const {
    if (adapter_.config.type != PeftType::kLora) refuse("an (IA)3 adapter: it has no factors");
    if (adapter_.config.use_dora) refuse("a DoRA adapter: its magnitudes are no product of factors");
    if (first_ == nullptr) return;
    const std::string &base = adapter_.config.base_model_name_or_path,
                      &other = first_->config.base_model_name_or_path;
    if (base != other)
      refuse("is an adapter of base model '" + base + "', " + first_name_ + " one of '" + other + "'");
  }

  std::vector<FactorPair> pairs_of(const PeftAdapter& adapter) const {
    try {
      std::vector<FactorPair> pairs = factor_pairs(*adapter.tensors.layout());
      for (const FactorPair& pair : pairs)
        if (!pair.module.starts_with(kPrefix)) refuse("tensor '" + pair.module + "' is none of PEFT's");
      return pairs;
    } catch (const ConfigError& e) {
      refuse(e.what());
    }
  }

  void check_tensors() const {
    const auto &own = *adapter_.tensors.layout(), &others = *first_->tensors.layout();
    for (const ParameterEntry& entry : others.entries())
      if (own.find(entry.name) == nullptr)
        refuse("has no tensor '" + entry.name + "', which " + first_name_ + " has");
    for (const ParameterEntry& entry : own.entries()) {
      const ParameterEntry* other = others.find(entry.name);
      if (other == nullptr)
        refuse("has tensor '" + entry.name + "', which " + first_name_ + " has not");
      const std::size_t features =
          entry.name.ends_with(".lora_A.weight") ? 1 : 0;  // the other is the rank
      if (entry.shape[features] != other->shape[features])
        refuse("tensor '" + entry.name + "' is " + shape_text(entry) + ", that of " + first_name_ +
               " is " + shape_text(*other));
    }
  }

  std::string name_;
  const PeftAdapter* first_;
  std::string first_name_;
  PeftAdapter adapter_;
  std::vector<FactorPair> pairs_;
};

}  // namespace

PeftAdapters read_peft_adapters(const std::vector<std::filesystem::path>& directories,
                                const std::vector<double>& weights) {
  FENNEC_CHECK(!directories.empty() && directories.size() == weights.size());
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  PeftAdapters out;
  PeftAdapter first;
  for (std::size_t k = 0; k < directories.size(); ++k) {
    Reader reader(directories[k], k == 0 ? nullptr : &first, directories[0].string());
    out.set.clients.push_back(reader.client(weights[k] / total));
    if (k != 0) continue;
    out.set.modules = reader.modules();
    first = std::move(reader).take();
    out.config = first.config;
  }
  // The order on the command line must not show in the result's bits.
  std::sort(out.set.clients.begin(), out.set.clients.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name, a.weight) < std::tie(b.name, b.weight);
  });
  return out;
}

void write_peft_adapter(const std::filesystem::path& directory, const PeftAdapters& like,
                        const std::vector<Factors>& modules) {
  PeftConfig config = like.config;
  config.use_rslora = false;
  config.lora_dropout = 0;
  config.rank_pattern.clear();
  config.alpha_pattern.clear();
  config.r = static_cast<int>(largest_rank(modules));
  config.lora_alpha = config.r;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (std::size_t m = 0; m < modules.size(); ++m) {
    const std::string name = std::string(kPrefix) + like.set.modules[m];
    const Factors& f = modules[m];
    tensors.push_back({name + ".lora_A.weight", {f.a.rows(), f.a.cols()}});
    tensors.push_back({name + ".lora_B.weight", {f.b.rows(), f.b.cols()}});
    if (f.rank() == config.r) continue;
    config.rank_pattern.emplace_back(like.set.modules[m], static_cast<double>(f.rank()));
    config.alpha_pattern.emplace_back(like.set.modules[m], static_cast<double>(f.rank()));
  }
  ParameterSet set(std::make_shared<const ParameterLayout>(std::move(tensors)));
  for (std::size_t m = 0; m < modules.size(); ++m) {
    store_matrix(modules[m].a, set, 2 * m);
    store_matrix(modules[m].b, set, 2 * m + 1);
  }
  write_peft_directory(directory, config, set);
}

}  // namespace fennec
