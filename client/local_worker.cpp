#include "client/local_worker.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "configs/adapter.h"
#include "core/log.h"
#include "lora/frozen_prefix.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"

namespace fennec {

/// Model, tokenizer and tokenized data: loaded once, on the work thread.
struct LocalWorker::Session {
  Session(const Experiment& experiment, const LocalWorkerFiles& files, const DeviceData& data)
      : model(load_causal_lm(files.base, experiment.model.base_precision)),
        tokenizer(Tokenizer::load(files.base)),
        plan(plan_adapter(experiment, files.base)),
        frozen(frozen_adapter(plan, adapter_seed(experiment))),
        prefixes(make_prefix_store(experiment.train.prefix_cache, files.prefix_cache,
                                   [&] {
                                     return prefix_identity(*model, files.base_digest,
                                                            experiment.model.base_precision);
                                   })),
        local(experiment, *model, tokenizer, data, frozen) {
    local.set_prefix_store(prefixes.get());
    if (prefixes)
      prefixes->retain(prefix_keys(local.training_examples(), plan.first_layer,
                                   state_precision(experiment.train.prefix_cache.precision)));
  }
  std::unique_ptr<CausalLm> model;
  Tokenizer tokenizer;
  AdapterPlan plan;
  ParameterSet frozen;
  std::unique_ptr<PrefixStore> prefixes;
  LocalRound local;
};

LocalWorker::LocalWorker(boost::asio::io_context& io, const Experiment& experiment,
                         LocalWorkerFiles files, const DeviceData& data, LocalWorkerEvents events)
    : io_(io),
      experiment_(experiment),
      files_(std::move(files)),
      data_(data),
      events_(std::move(events)) {}

LocalWorker::~LocalWorker() = default;

void LocalWorker::cancel() {
  ++ticket_;
  thread_.cancel();
}

void LocalWorker::submit(std::function<void(const LocalRound&, std::stop_token, std::uint64_t)> work) {
  thread_.submit([this, work = std::move(work), ticket = ++ticket_](const std::stop_token& stop) {
    try {
      if (!session_) session_ = std::make_unique<Session>(experiment_, files_, data_);
      work(session_->local, stop, ticket);
    } catch (const std::exception&) {  // no exception crosses a thread: the io thread ends the program
                                       // with it
      post(ticket, [this, error = std::current_exception()] { events_.broken(error); });
    }
  });
}

void LocalWorker::post(std::uint64_t ticket, std::function<void()> report) {
  boost::asio::post(io_, [this, ticket, report = std::move(report)] {
    if (ticket == ticket_) report();
  });
}

void LocalWorker::train(const RoundPlan& plan, ParameterSet version, DeviceMemory memory) {
  const auto start = std::make_shared<const ParameterSet>(std::move(version));
  const auto carried = std::make_shared<const DeviceMemory>(std::move(memory));
  submit([this, plan, start, carried](const LocalRound& local, std::stop_token stop,
                                      std::uint64_t ticket) {
    TrainHooks hooks;
    hooks.stop = std::move(stop);
    hooks.checkpoint = files_.checkpoint;
    hooks.on_step = [this, &plan, first = true, ticket](std::int64_t step, std::int64_t total,
                                                        double loss) mutable {
      if (std::exchange(first, false) && step > 1)
        post(ticket, [this, round = plan.round, step] { events_.resumed(round, step); });
      log::debug("round {}: step {} of {}, loss {:.4f}", plan.round.value, step, total, loss);
    };
    auto update = local.train(plan, *start, carried.get(), std::move(hooks));
    if (!update)
      return post(ticket, [this, plan, error = update.error()] { events_.failed(plan.round, error); });
    const auto shared = std::make_shared<TrainedUpdate>(std::move(*update));
    post(ticket, [this, shared] { events_.trained(std::move(*shared)); });
  });
}

void LocalWorker::evaluate(const RoundPlan& plan, ParameterSet version) {
  const auto shared = std::make_shared<const ParameterSet>(std::move(version));
  submit([this, plan, shared](const LocalRound& local, const std::stop_token& stop,
                              std::uint64_t ticket) {
    const auto report = local.evaluate(plan, *shared, stop);
    if (!report)
      return post(ticket, [this, plan, error = report.error()] { events_.failed(plan.round, error); });
    post(ticket, [this, done = *report] { events_.evaluated(done); });
  });
}

}  // namespace fennec
