#pragma once

namespace fennec {

/// From now on the memory of freed tensors of 1 MiB and more goes back to the system at once. glibc
/// otherwise keeps blocks of up to 32 MiB for itself, between which small ones that live on leave gaps.
/// Costs a few percent of time. Does nothing with other C libraries.
void return_freed_memory();

}  // namespace fennec
