#pragma once
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "client/local_round.h"
#include "client/work_thread.h"

namespace boost::asio {
class io_context;
}

namespace fennec {

struct LocalWorkerEvents {
  std::function<void(RoundId, std::int64_t step)> resumed;  ///< from a checkpoint, with this step > 1
  std::function<void(TrainedUpdate)> trained;
  std::function<void(EvaluationReport)> evaluated;
  std::function<void(RoundId, const Error&)> failed;
  std::function<void(std::exception_ptr)>
      broken;  ///< the machine's fault: a file of the base model, the disk
};

/// What a worker reads and writes on the device.
struct LocalWorkerFiles {
  std::filesystem::path base, checkpoint, prefix_cache;
  std::string base_digest;  ///< as base_model_digest()
};

/// Runs a device's rounds on a thread of their own, which loads and owns the model. Called on the io
/// thread; events come there too, and none of cancelled work.
class LocalWorker {
 public:
  LocalWorker(boost::asio::io_context& io, const Experiment& experiment, LocalWorkerFiles files,
              const DeviceData& data, LocalWorkerEvents events);
  ~LocalWorker();

  /// @param memory  what the device carries from its last accepted update; may be empty
  void train(const RoundPlan& plan, ParameterSet version, DeviceMemory memory);
  void evaluate(const RoundPlan& plan, ParameterSet version);
  void cancel();

 private:
  struct Session;
  void submit(std::function<void(const LocalRound&, std::stop_token, std::uint64_t ticket)> work);
  void post(std::uint64_t ticket, std::function<void()> report);

  boost::asio::io_context& io_;
  const Experiment& experiment_;
  LocalWorkerFiles files_;
  const DeviceData& data_;
  LocalWorkerEvents events_;
  std::uint64_t ticket_ = 0;          ///< io thread: of the work whose result is awaited
  std::unique_ptr<Session> session_;  ///< work thread only
  WorkThread thread_;                 ///< last: joins before the rest goes
};

}  // namespace fennec
