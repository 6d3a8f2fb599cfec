#pragma once
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>

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

/// Runs a device's rounds on a thread of their own, which loads and owns the model. Called on the io
/// thread; events come there too, and none of cancelled work.
class LocalWorker {
 public:
  LocalWorker(boost::asio::io_context& io, const Experiment& experiment, std::filesystem::path base,
              const DeviceData& data, std::filesystem::path checkpoint, LocalWorkerEvents events);
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
  std::filesystem::path base_;
  const DeviceData& data_;
  std::filesystem::path checkpoint_;
  LocalWorkerEvents events_;
  std::uint64_t ticket_ = 0;          ///< io thread: of the work whose result is awaited
  std::unique_ptr<Session> session_;  ///< work thread only
  WorkThread thread_;                 ///< last: joins before the rest goes
};

}  // namespace fennec
