#pragma once

namespace fennec {

/// Cores that tensor work may use in this process: one pool, LibTorch's. Once, in main, before any
/// tensor work. What training computes does not depend on the number.
void set_compute_threads(int threads);

/// OpenBLAS has a thread pool of its own that LibTorch does not know of: it would start as many threads
/// again inside each of LibTorch's, and cut products at places that depend on the number. Keeps it to
/// one thread a call, in the whole process; cheap after the first call, from any thread.
void use_one_blas_thread();

}  // namespace fennec
