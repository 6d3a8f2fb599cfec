#pragma once

namespace fennec {

/// Cores that tensor work may use in this process: LibTorch's pool, OpenMP and OpenBLAS alike. Once, in
/// main, before any tensor work. Results are the same bits for the same number only.
void set_compute_threads(int threads);

}  // namespace fennec
