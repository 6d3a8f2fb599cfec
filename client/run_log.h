#pragma once
#include <string>

#include "core/error.h"
#include "lora/trainer.h"
#include "privacy/example_dp_config.h"
#include "transport/messages.h"

namespace fennec {

/// What a person (log lines) or a program (JSON lines on stdout) sees of a live client. Never examples,
/// keys or tensors.
class RunLog {
 public:
  explicit RunLog(bool json) : json_(json) {}
  void connected(const std::string& endpoint) const;
  void disconnected() const;
  void planned(const RoundPlan& plan) const;
  void resumed(RoundId round, std::int64_t step) const;  ///< the first step of this process
  /// ε of the device's examples up to this round's end.
  void spends(RoundId round, double epsilon, const ExampleDpConfig& config) const;
  void trained(RoundId round, const TrainReport& report, std::int64_t payload_bytes) const;
  void evaluated(const EvaluationReport& report) const;
  void accepted(RoundId round) const;
  void rejected(const UpdateRejected& rejected) const;
  void summed(RoundId round) const;  ///< under secure aggregation: this device's part is done
  void masked(RoundId round, std::int64_t clipped, std::size_t values) const;
  void not_summed(RoundId round, const std::string& abort, const std::string& reason) const;
  void failed(RoundId round, const Error& error) const;
  void stopped(bool success, const std::string& reason) const;

 private:
  bool json_;
};

}  // namespace fennec
