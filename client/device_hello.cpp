#include "client/device_hello.h"

#include <unistd.h>

#include <thread>

#include "core/base_digest.h"

namespace fennec {

Hello device_hello(const EnrolmentBundle& bundle, const std::filesystem::path& base,
                   const DeviceData& data) {
  Hello hello;
  hello.run_id = bundle.run_id;
  hello.base_digest = base_model_digest(base);
  hello.train_examples = static_cast<std::int64_t>(data.train.size());
  hello.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  hello.cores = static_cast<int>(std::thread::hardware_concurrency());
  return hello;
}

}  // namespace fennec
