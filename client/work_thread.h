#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace fennec {

/// The one thread that owns the model: runs jobs in order. Jobs must not throw; they post their results
/// elsewhere. Any thread may submit and cancel.
class WorkThread {
 public:
  using Job = std::function<void(std::stop_token)>;
  WorkThread();
  ~WorkThread();  ///< cancels and joins
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  void submit(Job job);
  void cancel();  ///< stops the running job through its token, forgets the others

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::stop_source current_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace fennec
