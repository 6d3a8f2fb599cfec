#include "data/sensor_world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/error.h"

namespace fennec {
namespace {

std::string completion_of(const std::vector<LabelSlot>& slots, const std::vector<std::string>& labels) {
  std::string text;
  for (std::size_t i = 0; i < slots.size(); ++i)
    text += (i == 0 ? " " : ", ") + slots[i].prefix + labels[i];
  return text;
}

/// Whether some choice of labels gives the completion.
bool is_an_answer(const Example& example) {
  const auto& slots = example.slots;
  if (slots.size() == 1)
    return std::ranges::any_of(slots[0].labels, [&](const std::string& l) {
      return completion_of(slots, {l}) == example.completion;
    });
  for (const std::string& a : slots[0].labels)
    for (const std::string& b : slots[1].labels)
      if (completion_of(slots, {a, b}) == example.completion) return true;
  return false;
}

double share_of(const std::vector<Example>& examples, const std::string& task,
                const std::string& completion) {
  double n = 0, hits = 0;
  for (const Example& e : examples)
    if (e.task == task) ++n, hits += e.completion == completion;
  return hits / n;
}

}  // namespace

TEST_CASE("a device's examples depend on kind, number and seed, and extend each other") {
  for (const std::string& kind : world_kinds()) {
    CAPTURE(kind);
    const auto few = world_examples(kind, 3, 20, Seed(5)), many = world_examples(kind, 3, 60, Seed(5));
    const auto other_device = world_examples(kind, 4, 20, Seed(5)),
               other_seed = world_examples(kind, 3, 20, Seed(6));
    REQUIRE(few.size() == 20);
    for (std::size_t i = 0; i < few.size(); ++i) {
      CHECK(few[i].prompt == many[i].prompt);
      CHECK(few[i].completion == many[i].completion);
    }
    CHECK(few[0].prompt != other_device[0].prompt);
    CHECK(few[0].prompt != other_seed[0].prompt);
    CHECK(few[0].device_id == world_device_id(kind, 3));
  }
  CHECK(world_device_id("home", 7) == "home-0007");
  CHECK_THROWS_AS(world_examples("boat", 0, 1, Seed(1)), ConfigError);
}

TEST_CASE("examples are well formed and short") {
  for (const std::string& kind : world_kinds())
    for (int device = 0; device < 12; ++device)
      for (const Example& example : world_examples(kind, device, 80, Seed(11))) {
        CAPTURE(example.prompt);
        CAPTURE(example.completion);
        CHECK(example.prompt.find("  ") == std::string::npos);
        CHECK(example.prompt.find("nan") == std::string::npos);
        CHECK(example.prompt.back() == ':');
        CHECK(example.prompt.size() <= 390);
        REQUIRE(example.completion.size() > 1);
        CHECK(example.completion.front() == ' ');
        if (example.kind == TaskKind::kLabel)
          CHECK(is_an_answer(example));
        else
          CHECK(std::stoi(example.completion) >= 0);
      }
}

TEST_CASE("labels are neither rare nor the same everywhere") {
  const std::map<std::string, std::pair<std::string, std::string>> probes = {
      {"home", {"home_occupancy", " away"}},
      {"wearable", {"wearable_activity", " sit"}},
      {"pump", {"pump_state", " bearing ok, hydraulics ok"}}};
  for (const auto& entry : probes) {
    const auto& kind = entry.first;
    const auto& probe = entry.second;
    CAPTURE(kind);
    std::map<std::string, int> labels;
    double lowest = 1, highest = 0;
    for (int device = 0; device < 20; ++device) {
      const auto examples = world_examples(kind, device, 300, Seed(2));
      for (const Example& e : examples)
        if (e.task == probe.first) ++labels[e.completion];
      const double share = share_of(examples, probe.first, probe.second);
      lowest = std::min(lowest, share);
      highest = std::max(highest, share);
    }
    CHECK(highest - lowest > 0.15);  // devices differ
    int total = 0, most = 0;
    for (const auto& [label, n] : labels) total += n, most = std::max(most, n);
    CHECK(most < 0.7 * total);
    CHECK(labels.size() >= 3);
  }
}

}  // namespace fennec
