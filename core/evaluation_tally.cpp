#include "core/evaluation_tally.h"

#include <algorithm>
#include <cmath>

namespace fennec {
namespace {

/// Keys are paths whose parts are escaped, so that any task, slot or label name can be one:
///   loss/<task>/nats|tokens · label/<task>/<slot>/<gold>/<predicted> ·
///   forecast/<task>/error|parsed|unparsable
constexpr std::string_view kLoss = "loss", kLabel = "label", kForecast = "forecast";

std::string escape(std::string_view part) {
  std::string out;
  for (const char c : part) out += c == '%' ? "%25" : c == '/' ? "%2F" : std::string(1, c);
  return out;
}

/// Undoes escape(); nothing else may follow a '%'.
std::optional<std::string> unescape(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const std::string_view code = part.substr(i, 3);
    if (part[i] != '%')
      out += part[i];
    else if (code == "%25" || code == "%2F")
      out += code == "%25" ? '%' : '/', i += 2;
    else
      return std::nullopt;
  }
  return out;
}

std::string join(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const auto part : parts) {
    if (!key.empty()) key += '/';
    key += escape(part);
  }
  return key;
}

std::optional<std::vector<std::string>> split(std::string_view key) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t end = std::min(key.find('/', begin), key.size());
    const auto part = unescape(key.substr(begin, end - begin));
    if (!part) return std::nullopt;
    parts.push_back(*part);
    begin = end + 1;
  }
  return parts;
}

bool is_key(const std::vector<std::string>& parts) {
  if (parts.size() == 3 && parts[0] == kLoss) return parts[2] == "nats" || parts[2] == "tokens";
  if (parts.size() == 3 && parts[0] == kForecast)
    return parts[2] == "error" || parts[2] == "parsed" || parts[2] == "unparsable";
  return parts.size() == 5 && parts[0] == kLabel;
}

/// gold → predicted → count
using Confusion = std::map<std::string, std::map<std::string, double>>;

double accuracy(const Confusion& confusion) {
  double right = 0, all = 0;
  for (const auto& [gold, row] : confusion)
    for (const auto& [predicted, count] : row) all += count, right += gold == predicted ? count : 0;
  return all > 0 ? right / all : 0;
}

/// F1 = 2·tp / (gold + predicted), averaged over the labels that occur in gold.
double macro_f1(const Confusion& confusion) {
  std::map<std::string, double> predicted_total;
  for (const auto& [gold, row] : confusion)
    for (const auto& [predicted, count] : row) predicted_total[predicted] += count;
  double sum = 0, labels = 0;
  for (const auto& [gold, row] : confusion) {
    double gold_total = 0;
    for (const auto& [predicted, count] : row) gold_total += count;
    if (gold_total <= 0) continue;
    const auto hit = row.find(gold);
    const double right = hit == row.end() ? 0 : hit->second;
    sum += 2 * right / (gold_total + predicted_total[gold]);
    ++labels;
  }
  return labels > 0 ? sum / labels : 0;
}

struct TaskSums {
  double nats = 0, tokens = 0;
  std::map<std::string, Confusion> slots;
  double error = 0, parsed = 0, unparsable = 0;
};

std::map<std::string, TaskSums> by_task(const std::map<std::string, double>& sums) {
  std::map<std::string, TaskSums> tasks;
  for (const auto& [key, value] : sums) {
    const auto parts = *split(key);
    TaskSums& task = tasks[parts[1]];
    if (parts[0] == kLabel)
      task.slots[parts[2]][parts[3]][parts[4]] += value;
    else if (parts[0] == kLoss)
      (parts[2] == "nats" ? task.nats : task.tokens) += value;
    else
      (parts[2] == "error"    ? task.error
       : parts[2] == "parsed" ? task.parsed
                              : task.unparsable) += value;
  }
  return tasks;
}

/// Metrics in order, and the values that go into the plain means.
struct MetricList {
  std::vector<std::pair<std::string, double>> named;
  std::map<std::string, std::vector<double>> to_average;

  void add(const std::string& prefix, const std::string& metric, double value) {
    named.emplace_back(prefix + "." + metric, value);
    to_average[metric].push_back(value);
  }
};

void add_task(MetricList& list, const std::string& name, const TaskSums& task) {
  if (task.tokens > 0) list.named.emplace_back(name + ".loss", task.nats / task.tokens);
  for (const auto& [slot, confusion] : task.slots) {
    const std::string prefix = slot.empty() ? name : name + "." + slot;
    list.add(prefix, "accuracy", accuracy(confusion));
    list.add(prefix, "macro_f1", macro_f1(confusion));
  }
  if (task.parsed > 0) list.add(name, "mae", task.error / task.parsed);
  if (task.parsed + task.unparsable > 0)
    list.named.emplace_back(name + ".unparsable", task.unparsable / (task.parsed + task.unparsable));
}

}  // namespace

void EvaluationTally::add_loss(const std::string& task, double nats, double tokens) {
  sums_[join({kLoss, task, "nats"})] += nats;
  sums_[join({kLoss, task, "tokens"})] += tokens;
}

void EvaluationTally::add_label(const std::string& task, const std::string& slot,
                                const std::string& gold, const std::string& predicted) {
  sums_[join({kLabel, task, slot, gold, predicted})] += 1;
}

void EvaluationTally::add_forecast(const std::string& task, double gold,
                                   std::optional<double> predicted) {
  sums_[join({kForecast, task, predicted ? "parsed" : "unparsable"})] += 1;
  if (predicted) sums_[join({kForecast, task, "error"})] += std::abs(*predicted - gold);
}

void EvaluationTally::merge(const EvaluationTally& other) {
  for (const auto& [key, value] : other.sums_) sums_[key] += value;
}

std::vector<std::pair<std::string, double>> EvaluationTally::to_sums() const {
  return {sums_.begin(), sums_.end()};
}

Result<EvaluationTally> EvaluationTally::from_sums(
    const std::vector<std::pair<std::string, double>>& sums) {
  EvaluationTally tally;
  for (const auto& [key, value] : sums) {
    const auto parts = split(key);
    if (!parts || !is_key(*parts))
      return fail(ErrorCode::kMalformed, "'" + key + "' is not a sum of an evaluation");
    if (!std::isfinite(value) || value < 0)
      return fail(ErrorCode::kMalformed, "evaluation sum '" + key + "' is negative or not finite");
    if (!tally.sums_.emplace(key, value).second)
      return fail(ErrorCode::kMalformed, "evaluation sum '" + key + "' occurs twice");
  }
  return tally;
}

std::vector<std::pair<std::string, double>> EvaluationTally::metrics() const {
  MetricList list;
  double nats = 0, tokens = 0;
  for (const auto& [name, task] : by_task(sums_)) {
    nats += task.nats;
    tokens += task.tokens;
    add_task(list, name, task);
  }
  std::vector<std::pair<std::string, double>> all;
  if (tokens > 0) all.emplace_back("loss", nats / tokens);
  for (const auto& [metric, values] : list.to_average) {
    double sum = 0;
    for (const double value : values) sum += value;
    all.emplace_back(metric, sum / static_cast<double>(values.size()));
  }
  all.insert(all.end(), list.named.begin(), list.named.end());
  return all;
}

std::optional<double> EvaluationTally::metric(std::string_view name) const {
  for (const auto& [known, value] : metrics())
    if (known == name) return value;
  return std::nullopt;
}

}  // namespace fennec
