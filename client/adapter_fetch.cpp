#include "client/adapter_fetch.h"

#include <utility>

#include "aggregation/strategy_config.h"
#include "aggregation/travel.h"
#include "aggregation/version_step.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

constexpr int kMostFaults = 3;
constexpr std::size_t kHeaderBytesPerTensor = 1024;

std::vector<std::byte> file_of(const ParameterSet& version) {
  return write_safetensors(to_views(version));
}

}  // namespace

AdapterFetch::AdapterFetch(const Experiment& experiment, LayoutPtr layout,
                           std::function<ParameterSet()> version_0, std::filesystem::path cache)
    : experiment_(experiment),
      layout_(std::move(layout)),
      version_0_(std::move(version_0)),
      cache_(std::move(cache)) {
  if (!experiment.aggregation.downlink.empty())
    step_codec_ = make_codec(experiment.aggregation.downlink);
}

Result<std::optional<ParameterSet>> AdapterFetch::begin(const RoundPlan& plan) {
  cancel();
  if (plan.version.value == 0) return seeded(plan);
  if (auto cached = cache_.load(plan.version, plan.adapter_sha256, layout_)) return cached;
  const std::size_t most =
      layout_->size() * sizeof(float) + (layout_->entries().size() + 16) * kHeaderBytesPerTensor;
  for (const std::int64_t bytes : {plan.adapter_bytes, std::max<std::int64_t>(plan.step_bytes, 1)})
    if (bytes <= 0 || static_cast<std::size_t>(bytes) > most)
      return fail(ErrorCode::kMalformed,
                  "an adapter of " + std::to_string(bytes) + " bytes cannot be of this run");
  plan_ = plan;
  faults_ = 0;
  if (can_step(plan))
    start("step", plan.step_bytes, plan.step_sha256);
  else
    start_whole();
  return std::nullopt;
}

bool AdapterFetch::can_step(const RoundPlan& plan) {
  before_ = {};
  if (step_codec_ == nullptr || plan.step_bytes == 0) return false;
  const AdapterVersion before{plan.version.value - 1};
  if (before.value == 0)
    before_ = version_0_();
  else if (auto cached = cache_.load(before, layout_))
    before_ = std::move(*cached);
  return !before_.empty();
}

void AdapterFetch::start(const char* kind, std::int64_t bytes, const std::string& sha256) {
  receiver_.emplace(std::string(kind) + "/" + std::to_string(plan_.version.value), bytes, sha256,
                    experiment_.transport.credit_chunks);
}

Result<std::optional<ParameterSet>> AdapterFetch::seeded(const RoundPlan& plan) const {
  ParameterSet adapter = version_0_();
  if (!plan.adapter_sha256.empty() && plan.adapter_sha256 != to_hex(sha256(file_of(adapter))))
    return fail(ErrorCode::kMismatch, "version 0 of the adapter differs from the coordinator's");
  return std::optional<ParameterSet>(std::move(adapter));
}

std::optional<BulkRequest> AdapterFetch::request() {
  return receiver_ ? receiver_->request() : std::nullopt;
}

Result<AdapterFetch::Progress> AdapterFetch::accept(const BulkChunk& chunk,
                                                    std::span<const std::byte> payload) {
  if (!receiver_) return Progress{};
  const auto next = receiver_->accept(chunk, payload);
  if (!next) {
    if (++faults_ < kMostFaults) return Progress{receiver_->request(), std::nullopt};
    cancel();
    return tl::unexpected<Error>(next.error());
  }
  if (!receiver_->complete()) return Progress{*next, std::nullopt};
  const std::vector<std::byte> bytes = std::move(*receiver_).take();
  cancel();
  const bool by_step = !before_.empty();
  auto adapter = by_step ? stepped(bytes) : whole(bytes);
  before_ = {};
  if (adapter) return Progress{std::nullopt, std::move(*adapter)};
  if (!by_step) return tl::unexpected<Error>(adapter.error());
  log::warn("adapter version {}: {}; it is fetched whole", plan_.version.value,
            adapter.error().message);
  start_whole();
  return Progress{receiver_->request(), std::nullopt};
}

Result<ParameterSet> AdapterFetch::whole(std::span<const std::byte> bytes) const {
  auto adapter = parse_adapter(bytes, layout_);
  if (adapter) cache_.store(plan_.version, bytes);
  return adapter;
}

Result<ParameterSet> AdapterFetch::stepped(std::span<const std::byte> bytes) const {
  const Half half = half_of_round(travel_of(experiment_.aggregation), RoundId{plan_.version.value});
  auto adapter = next_version(before_, bytes, *step_codec_, travelling_layout(layout_, half));
  if (!adapter) return adapter;
  const std::vector<std::byte> file = file_of(*adapter);
  if (to_hex(sha256(file)) != plan_.adapter_sha256)
    return fail(ErrorCode::kMismatch, "the step from the version before leads to another adapter");
  cache_.store(plan_.version, file);
  return adapter;
}

}  // namespace fennec
