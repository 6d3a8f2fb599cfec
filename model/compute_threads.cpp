#include "model/compute_threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace fennec {

void set_compute_threads(int threads) {
  at::set_num_threads(threads);
  // The inter-op pool is never used; its default of one thread a core would only cost memory.
  at::set_num_interop_threads(1);
  use_one_blas_thread();
}

void use_one_blas_thread() {
  // Other BLAS libraries lack the symbol.
  static const bool done = [] {
    using SetThreads = void (*)(int);
    if (auto* const set =
            reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
      set(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace fennec
