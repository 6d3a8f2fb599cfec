#include "client/work_thread.h"

#include <utility>

namespace fennec {

WorkThread::WorkThread() : thread_([this] { run(); }) {}

WorkThread::~WorkThread() {
  cancel();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void WorkThread::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void WorkThread::cancel() {
  const std::lock_guard lock(mutex_);
  jobs_.clear();
  current_.request_stop();
}

void WorkThread::run() {
  for (;;) {
    Job job;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (closing_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      current_ = std::stop_source();
      stop = current_.get_token();
    }
    job(stop);
  }
}

}  // namespace fennec
