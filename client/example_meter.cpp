#include "client/example_meter.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/files.h"

namespace fennec {

ExampleMeter::ExampleMeter(const Experiment& experiment, std::size_t examples,
                           std::vector<Releases> spent)
    : config_(experiment.privacy.example), spent_(std::move(spent)) {
  FENNEC_CHECK(config_.is_on());
  round_ = {config_.sampling_rate(examples), config_.noise_multiplier,
            config_.steps(examples, experiment.train.local_steps, experiment.train.local_epochs)};
}

double ExampleMeter::epsilon_of(const std::vector<Releases>& releases) const {
  return releases.empty() ? 0 : epsilon_bound(Accounting::kRdp, releases, config_.delta).epsilon;
}

Result<double> ExampleMeter::spend() {
  std::vector<Releases> after = spent_;
  const auto same = std::find_if(after.begin(), after.end(), [&](const Releases& each) {
    return each.sampling_rate == round_.sampling_rate &&
           each.noise_multiplier == round_.noise_multiplier;
  });
  if (same == after.end())
    after.push_back(round_);
  else
    same->count += round_.count;
  const double epsilon = epsilon_of(after);
  if (config_.epsilon > 0 && epsilon > config_.epsilon)
    return fail(ErrorCode::kBudget,
                fmt::format("this device's examples are kept within epsilon {:g}: another round would "
                            "bring it to {:.4f}",
                            config_.epsilon, epsilon));
  spent_ = std::move(after);
  return epsilon;
}

std::vector<Releases> read_spent(const std::filesystem::path& file) {
  std::vector<Releases> spent;
  if (!std::filesystem::exists(file)) return spent;
  const auto json = nlohmann::json::parse(read_text_file(file), nullptr, false);
  const auto number = [&](const nlohmann::json& line, const char* name) {
    if (!line.is_object() || !line.contains(name) || !line[name].is_number())
      throw IoError(file.string() + ": field '" + name + "' is missing or not a number");
    return line[name].get<double>();
  };
  if (!json.is_array()) throw IoError(file.string() + ": a list was expected");
  for (const nlohmann::json& line : json)
    spent.push_back({number(line, "sampling_rate"), number(line, "noise_multiplier"),
                     static_cast<std::int64_t>(number(line, "steps"))});
  return spent;
}

void write_spent(const std::filesystem::path& file, const std::vector<Releases>& spent) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Releases& each : spent)
    json.push_back({{"sampling_rate", each.sampling_rate},
                    {"noise_multiplier", each.noise_multiplier},
                    {"steps", each.count}});
  write_file_atomically(file, json.dump() + "\n");
}

}  // namespace fennec
