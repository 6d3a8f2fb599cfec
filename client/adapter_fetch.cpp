#include "client/adapter_fetch.h"

#include <utility>

#include "core/digest.h"
#include "core/safetensors.h"

namespace fennec {
namespace {
constexpr int kMostFaults = 3;
constexpr std::size_t kHeaderBytesPerTensor = 1024;
}  // namespace

AdapterFetch::AdapterFetch(const Experiment& experiment, LayoutPtr layout,
                           std::function<ParameterSet()> version_0, std::filesystem::path cache)
    : experiment_(experiment),
      layout_(std::move(layout)),
      version_0_(std::move(version_0)),
      cache_(std::move(cache)) {}

Result<std::optional<ParameterSet>> AdapterFetch::begin(const RoundPlan& plan) {
  cancel();
  if (plan.version.value == 0) return seeded(plan);
  if (auto cached = cache_.load(plan.version, plan.adapter_sha256, layout_)) return cached;
  const std::size_t most =
      layout_->size() * sizeof(float) + (layout_->entries().size() + 16) * kHeaderBytesPerTensor;
  if (plan.adapter_bytes <= 0 || static_cast<std::size_t>(plan.adapter_bytes) > most)
    return fail(ErrorCode::kMalformed,
                "an adapter of " + std::to_string(plan.adapter_bytes) + " bytes cannot be of this run");
  plan_ = plan;
  faults_ = 0;
  receiver_.emplace("adapter/" + std::to_string(plan.version.value), plan.adapter_bytes,
                    plan.adapter_sha256, experiment_.transport.credit_chunks);
  return std::nullopt;
}

Result<std::optional<ParameterSet>> AdapterFetch::seeded(const RoundPlan& plan) const {
  ParameterSet adapter = version_0_();
  const std::string digest = to_hex(sha256(write_safetensors(to_views(adapter))));
  if (!plan.adapter_sha256.empty() && plan.adapter_sha256 != digest)
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
  auto adapter = parse_adapter(bytes, layout_);
  if (!adapter) return tl::unexpected<Error>(adapter.error());
  cache_.store(plan_.version, bytes);
  return Progress{std::nullopt, std::move(*adapter)};
}

}  // namespace fennec
