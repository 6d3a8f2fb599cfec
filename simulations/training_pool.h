#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "simulations/workload.h"

namespace fennec {

/// Training threads, each with a LocalWork of its own. Jobs start in the order they were submitted; the
/// event loop takes each result at the virtual time it is due, so nothing depends on how many threads
/// there are. An exception of a job comes out of its future. submit: one thread.
class TrainingPool {
 public:
  TrainingPool(std::size_t threads, Workload& workload);
  ~TrainingPool();  ///< drops what has not begun, asks the rest to stop, joins
  TrainingPool(const TrainingPool&) = delete;
  TrainingPool& operator=(const TrainingPool&) = delete;

  template <class T>
  struct Ticket {
    std::shared_future<Result<T>> result;
    std::stop_source stop;
  };

  /// @param memory  LocalUpdate::memory of the device's last accepted update; may be null
  Ticket<LocalUpdate> train(const RoundPlan& plan, std::shared_ptr<const ParameterSet> base,
                            std::shared_ptr<const DeviceMemory> memory, std::size_t data_set);
  Ticket<EvaluationReport> evaluate(const RoundPlan& plan, std::shared_ptr<const ParameterSet> adapter,
                                    std::size_t data_set);

 private:
  using Job = std::function<void(LocalWork&)>;

  template <class T, class Run>
  Ticket<T> submit(Run run);
  void serve(LocalWork& work, const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::vector<std::unique_ptr<LocalWork>> work_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;
};

}  // namespace fennec
