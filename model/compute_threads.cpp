#include "model/compute_threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace fennec {

void set_compute_threads(int threads) {
  at::set_num_threads(threads);
  // The inter-op pool is never used; its default of one thread a core would only cost memory.
  at::set_num_interop_threads(1);
  // Debian's OpenBLAS has a pool of its own that LibTorch does not know; other BLAS libraries lack the
  // symbol.
  using SetThreads = void (*)(int);
  if (auto* const set = reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
    set(threads);
}

}  // namespace fennec
