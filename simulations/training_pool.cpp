#include "simulations/training_pool.h"

#include <utility>

namespace fennec {

TrainingPool::TrainingPool(std::size_t threads, Workload& workload) {
  for (std::size_t i = 0; i < threads; ++i) work_.push_back(workload.make_work());
  for (const auto& work : work_)
    threads_.emplace_back([this, own = work.get()](const std::stop_token& stop) { serve(*own, stop); });
}

TrainingPool::~TrainingPool() {
  stop_.request_stop();  // jobs under way
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins
}

template <class T, class Run>
TrainingPool::Ticket<T> TrainingPool::submit(Run run) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  Ticket<T> ticket{promise->get_future().share(), std::stop_source()};
  Job job = [promise, run = std::move(run), mine = ticket.stop,
             all = stop_.get_token()](LocalWork& work) mutable {
    const std::stop_callback ends_too(all, [&mine] { mine.request_stop(); });
    try {
      promise->set_value(mine.stop_requested() ? Result<T>(fail(ErrorCode::kBudget, "cancelled"))
                                               : run(work, mine.get_token()));
    } catch (const std::exception&) {  // handed to whoever asks for the result
      promise->set_exception(std::current_exception());
    }
  };
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return ticket;
}

TrainingPool::Ticket<LocalUpdate> TrainingPool::train(const RoundPlan& plan,
                                                      std::shared_ptr<const ParameterSet> base,
                                                      std::shared_ptr<const DeviceMemory> memory,
                                                      std::size_t data_set) {
  return submit<LocalUpdate>([plan, base = std::move(base), memory = std::move(memory), data_set](
                                 LocalWork& work, const std::stop_token& stop) {
    return work.train(plan, *base, memory.get(), data_set, stop);
  });
}

TrainingPool::Ticket<EvaluationReport> TrainingPool::evaluate(
    const RoundPlan& plan, std::shared_ptr<const ParameterSet> adapter, std::size_t data_set) {
  return submit<EvaluationReport>(
      [plan, adapter = std::move(adapter), data_set](LocalWork& work, const std::stop_token& stop) {
        return work.evaluate(plan, *adapter, data_set, stop);
      });
}

void TrainingPool::serve(LocalWork& work, const std::stop_token& stop) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(work);
  }
}

}  // namespace fennec
